"""Plugins from a directory."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from clerk.errors import UsageError
from clerk.plugin.loader import (
    call_hook,
    has_hookimpl_methods,
    load_plugins_from_directory,
    plugin_manager,
    plugins,
    use_plugins_directory,
)
from tests.unit.plugins.conftest import Write, loaded, names, quarantined

FETCHER = """
class Plugin:
    @hookimpl
    def fetcher_class(self, label):
        return dict if label == "{label}" else None
"""


def test_a_file_s_class_is_registered_once_and_answers(write: Write) -> None:
    path = write("acme_fetcher.py", FETCHER.format(label="acme"))
    assert names() == ["acme-fetcher"]
    assert call_hook("fetcher_class", label="acme") == [("acme-fetcher", dict)]
    assert call_hook("fetcher_class", label="other") == []
    plugin = loaded("acme-fetcher")
    assert (plugin.source, plugin.where, plugin.version) == ("directory", str(path.resolve()), None)
    assert type(plugin.implementation).__module__ == "clerk_plugins.acme_fetcher"


def test_a_package_is_a_plugin_and_its_relative_imports_work(write: Write) -> None:
    write("acme/__init__.py", "from .inner import Plugin\n")
    write("acme/inner.py", FETCHER.format(label="acme"))
    assert names() == ["acme"]
    assert sys.modules["clerk_plugins.acme.inner"].__package__ == "clerk_plugins.acme"


def test_names_with_an_underscore_and_other_files_are_skipped(write: Write) -> None:
    write("_private.py", "raise RuntimeError")
    write("__init__.py", "")
    write("_package/__init__.py", "raise RuntimeError")
    write("notes.txt", "raise RuntimeError")
    write("no_package/inner.py", "raise RuntimeError")
    assert (names(), quarantined()) == ([], [])


def test_only_classes_defined_in_the_file_count(write: Write) -> None:
    write("base.py", FETCHER.format(label="base"))
    write("child.py", "from plugins.base import Plugin\n\n\nclass Helper:\n    pass\n")
    assert names() == ["base"]


def test_several_classes_of_a_file_are_told_apart_and_inherited_hooks_count(write: Write) -> None:
    write("pair.py", FETCHER.format(label="a") + "\n\nclass Child(Plugin):\n    pass\n")
    assert names() == ["pair:Plugin", "pair:Child"]
    assert call_hook("fetcher_class", label="a") == [("pair:Child", dict), ("pair:Plugin", dict)]


def test_plugins_import_helpers_by_the_directory_s_name_although_we_ship_a_package_of_that_name(write: Write) -> None:
    write("_helpers.py", "LABEL = 'acme'")
    write("acme.py", "from plugins._helpers import LABEL\n" + FETCHER.format(label="acme"))
    assert quarantined() == []
    assert names() == ["acme"]


def test_a_directory_of_another_name_works_alike(tmp_path: Path, write: Write) -> None:
    folder = tmp_path / "my_plugins"
    folder.mkdir()
    (folder / "helpers.py").write_text("LABEL = 'acme'\n")
    write("../../my_plugins/acme.py", "from my_plugins.helpers import LABEL\n" + FETCHER.format(label="acme"))
    use_plugins_directory(str(folder))
    assert names() == ["acme"]


def test_a_module_that_another_plugin_imported_first_is_not_run_twice(write: Write) -> None:
    write("a.py", "from plugins.b import Plugin as Other\n")
    write("b.py", "import builtins\nbuiltins.runs = getattr(builtins, 'runs', 0) + 1\n" + FETCHER.format(label="b"))
    assert names() == ["b"]
    import builtins

    assert vars(builtins).pop("runs") == 1


@pytest.mark.parametrize("source", ["from clerk.utils import pm", "from clerk import pm"])
def test_a_plugin_that_registers_itself_at_import_counts_once(write: Write, source: str) -> None:
    write("self_made.py", source + "\n" + FETCHER.format(label="x") + "\n\npm.register(Plugin())\n")
    assert names() == ["self-made"]
    assert call_hook("fetcher_class", label="x") == [("self-made", dict)]


def test_a_module_that_registers_itself_is_known_by_its_name(write: Write) -> None:
    source = "import sys\nfrom clerk import pm\n\n@hookimpl\ndef fetcher_extra(label):\n    return {}\n"
    path = write("self_made.py", source + "\n\npm.register(sys.modules[__name__])\n")
    assert names() == ["self_made"]
    assert (loaded("self_made").source, loaded("self_made").where) == ("self-registered", str(path.resolve()))


def test_a_missing_directory_has_no_plugins() -> None:
    load_plugins_from_directory("nowhere")
    assert names() == []


def test_a_directory_that_is_a_file_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(UsageError, match="is not a directory") as caught:
        load_plugins_from_directory(file)
    assert caught.value.exit_code == 2
    monkeypatch.setenv("CLERK_PLUGINS_DIR", str(file))
    for _ in range(2):  # a failed start must not leave half a set behind that then passes for whole
        from clerk.plugin.loader import forget_plugins

        forget_plugins()
        with pytest.raises(UsageError):
            plugins()
        with pytest.raises(UsageError):
            plugins()


def test_the_directory_can_be_named_in_dot_env(write: Write) -> None:
    write("../elsewhere/acme.py", FETCHER.format(label="acme"))
    Path(".env").write_text("CLERK_PLUGINS_DIR=elsewhere\n")
    assert names() == ["acme"]


def test_loading_a_directory_again_changes_nothing(write: Write) -> None:
    write("acme.py", FETCHER.format(label="acme"))
    before = plugins().plugins
    load_plugins_from_directory("plugins")
    assert plugins().plugins == before


def test_one_manager_serves_every_import_path(write: Write) -> None:
    write("acme.py", FETCHER.format(label="acme"))
    import clerk
    import clerk.utils

    assert clerk.pm is clerk.utils.pm is clerk.utils.get_plugin_manager() is plugin_manager()
    assert plugin_manager().hook.fetcher_class(label="acme") == [dict]


def test_has_hookimpl_methods_looks_at_public_methods_inherited_ones_too() -> None:
    from clerk import hookimpl

    class Plain:
        def fetcher_class(self, label: str) -> None: ...

    class Private:
        @hookimpl
        def _fetcher_class(self, label: str) -> None: ...

    class Marked:
        @hookimpl
        def fetcher_class(self, label: str) -> None: ...

    class Child(Marked):
        pass

    assert [has_hookimpl_methods(kind) for kind in (Plain, Private, Marked, Child)] == [False, False, True, True]
