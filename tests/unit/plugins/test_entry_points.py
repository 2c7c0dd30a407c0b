"""Plugins of installed distributions, and the same plugin found twice."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from clerk.plugin.loader import call_hook, load_plugins_from_entry_points, plugins
from clerk.utils import discover_entry_point_plugins
from devtools.plugin_files import install
from tests.unit.plugins.conftest import Install, Write, loaded, names, quarantined

PLUGIN = """
class Plugin:
    @hookimpl
    def fetcher_extra(self, label):
        return {"from": __file__}
"""


def test_a_class_is_called_and_its_distribution_known(install_plugin: Install) -> None:
    install_plugin("acme-plugin", "acme_clerk:Plugin", PLUGIN)
    plugin = loaded("acme-plugin")
    assert (plugin.source, plugin.version, plugin.where) == ("entry point", "1.2.3", "acme-plugin, acme_clerk:Plugin")
    assert type(plugin.implementation).__module__ == "acme_clerk"


def test_each_that_is_loaded_is_logged_once(install_plugin: Install, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    install_plugin("acme", "acme_clerk:Plugin", PLUGIN)
    plugins()
    load_plugins_from_entry_points()
    lines = [line for line in caplog.messages if line.startswith("Loaded plugin from entry point: ")]
    assert lines.count("Loaded plugin from entry point: acme") == 1
    assert "Loaded plugin from entry point: election-finance" in lines


def test_an_instance_serves_as_well(install_plugin: Install) -> None:
    install_plugin("acme", "acme_clerk:plugin", PLUGIN + "\n\nplugin = Plugin()\n")
    assert [name for name, _ in call_hook("fetcher_extra", label="x")] == ["acme"]


@pytest.mark.parametrize("factory", ["make", "Maker().make", "Maker()"])
def test_a_factory_is_called(install_plugin: Install, factory: str) -> None:
    source = """
    def make():
        return Plugin()


    class Maker:
        def make(self):
            return Plugin()

        __call__ = make
    """
    install_plugin("acme", "acme_clerk:it", f"{PLUGIN}{dedent(source)}\n\nit = {factory}\n")
    assert type(loaded("acme").implementation).__name__ == "Plugin"
    before = plugins().plugins
    load_plugins_from_entry_points()
    assert plugins().plugins == before


def test_a_module_serves_as_well(install_plugin: Install) -> None:
    install_plugin("acme", "acme_clerk", "@hookimpl\ndef fetcher_extra(label):\n    return {'label': label}\n")
    assert call_hook("fetcher_extra", label="x") == [("acme", {"label": "x"})]


def test_finding_them_again_changes_nothing(install_plugin: Install) -> None:
    install_plugin("acme", "acme_clerk:Plugin", PLUGIN)
    before = plugins().plugins
    load_plugins_from_entry_points()
    discover_entry_point_plugins()
    assert plugins().plugins == before


def test_one_that_registers_itself_counts_once_under_its_entry_point_s_name(install_plugin: Install) -> None:
    install_plugin("acme", "acme_clerk:Plugin", "from clerk.utils import pm\n" + PLUGIN + "\n\npm.register(Plugin())\n")
    assert names() == ["acme"]
    assert loaded("acme").source == "entry point"


@pytest.mark.parametrize("module", ["acme", "plugins/acme"])
def test_a_copy_in_the_directory_takes_the_installed_one_s_place(
    install_plugin: Install, write: Write, module: str
) -> None:
    install_plugin("acme", f"{module.replace('/', '.')}:Plugin", PLUGIN)
    copy = write("acme.py", PLUGIN)
    assert names() == ["acme"]
    assert loaded("acme").source == "directory"
    assert call_hook("fetcher_extra", label="x") == [("acme", {"from": str(copy.resolve())})]


def test_the_very_same_file_is_loaded_once(install_plugin: Install, write: Write) -> None:
    installed = install_plugin("acme", "acme_clerk:Plugin", PLUGIN + "\nimport builtins\nbuiltins.clerk_runs += 1\n")
    Path("plugins").mkdir()
    Path("plugins/other_name.py").symlink_to(installed)
    import builtins

    builtins.clerk_runs = 0  # type: ignore[attr-defined]
    try:
        assert names() == ["acme"]
        assert builtins.clerk_runs == 1  # type: ignore[attr-defined]
    finally:
        del builtins.clerk_runs  # type: ignore[attr-defined]


def test_two_plugins_of_one_name_are_both_kept(install_plugin: Install, write: Write) -> None:
    install_plugin("acme", "acme_clerk:Plugin", PLUGIN)
    write("acme.py", PLUGIN)
    assert names() == ["acme", "acme-2"]


@pytest.mark.parametrize(
    ("target", "phase", "error"),
    [
        ("acme_clerk:Missing", "import", "AttributeError"),
        ("acme_clerk:Broken", "constructor", "TypeError"),
        ("nowhere_to_be_found:Plugin", "import", "ModuleNotFoundError"),
        ("acme_clerk:Hookless", "register", "it implements no hook: mark its methods with @clerk.hookimpl"),
        ("acme_clerk:nothing", "register", "it implements no hook"),
    ],
)
def test_a_broken_entry_point_is_set_aside(
    install_plugin: Install, tmp_path: Path, target: str, phase: str, error: str
) -> None:
    others = """
    class Broken(Plugin):
        def __init__(self, x): ...


    class Hookless: ...


    nothing = 5
    """
    install_plugin("acme", "acme_clerk:Plugin", PLUGIN + dedent(others))
    install(tmp_path / "site-packages", "broken-one", {"broken": target})
    assert names() == ["acme"]
    (entry,) = quarantined()
    assert (entry.name, entry.phase) == ("broken", phase)
    assert entry.where == f"broken-one, {target}"
    assert entry.error.startswith(error)


def test_what_a_distribution_offers_and_nothing_calls_is_found(install_plugin: Install) -> None:
    idle = "\n    def register_schedules(self):\n        return []\n"
    install_plugin("acme-plugin", "acme_clerk:Plugin", f"{PLUGIN.rstrip()}\n{idle}")
    (entry,) = [entry for entry in quarantined() if entry.name == "acme-plugin"]
    assert entry.error == "method register_schedules of class Plugin is not called: mark it with @clerk.hookimpl"
    assert entry.place is not None
    assert entry.place.partition(":")[0].endswith("acme_clerk.py")


def test_a_constructor_that_takes_arguments_is_named_by_its_class(install_plugin: Install) -> None:
    source = PLUGIN.replace("class Plugin:", "class Plugin:\n    def __init__(self, key): ...\n")
    install_plugin("acme-plugin", "acme_clerk:Plugin", source)
    (entry,) = [entry for entry in quarantined() if entry.name == "acme-plugin"]
    assert (entry.phase, entry.place is not None and "acme_clerk.py:" in entry.place) == ("constructor", True)
