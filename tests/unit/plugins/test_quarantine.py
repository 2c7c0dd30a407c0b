"""What is broken is set aside, and everything else goes on."""

from __future__ import annotations

import logging

import pytest

from clerk.plugin_loader import call_hook, load_plugins_from_directory, plugin_manager, plugins
from tests.unit.plugins.conftest import Write, loaded, names, quarantined

GOOD = """
class Good:
    @hookimpl
    def fetcher_extra(self, label):
        return {"good": label}

    @hookimpl
    def post_create(self, subdomain):
        pass
"""


@pytest.mark.parametrize(
    ("source", "phase", "error"),
    [
        ("import nothing_of_this_name", "import", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("def broken(:", "import", "SyntaxError"),
        ("raise SystemExit('enough')", "import", "SystemExit: enough"),
        (GOOD + "\n    def __init__(self):\n        raise OSError('no disk')\n", "constructor", "OSError: no disk"),
        (GOOD + "\n    def __init__(self):\n        raise SystemExit\n", "constructor", "SystemExit"),
        (GOOD.replace("(self, label)", "(self, lable)"), "register", "PluginValidationError"),
    ],
)
def test_a_plugin_that_cannot_be_loaded(write: Write, source: str, phase: str, error: str) -> None:
    path = write("broken.py", source)
    write("good.py", GOOD)
    assert names() == ["good"]
    (entry,) = quarantined()
    assert (entry.name, entry.where, entry.phase) == ("broken", str(path.resolve()), phase)
    assert entry.error.startswith(error)
    assert "\n" not in str(entry)
    assert call_hook("fetcher_extra", label="x") == [("good", {"good": "x"})]


def test_a_plugin_that_registered_itself_and_then_failed_is_taken_out(write: Write) -> None:
    write("broken.py", "from clerk.utils import pm\n" + GOOD + "\n\npm.register(Good())\nraise OSError\n")
    assert names() == []
    assert [entry.phase for entry in quarantined()] == ["import"]


def test_a_plugin_that_was_mended_loads_the_next_time(write: Write) -> None:
    write("broken.py", "raise OSError")
    assert names() == []
    write("broken.py", GOOD)
    load_plugins_from_directory("plugins")
    assert names() == ["broken"]


def test_one_that_raises_does_not_silence_the_others(write: Write) -> None:
    for name in ("a", "b", "c"):
        write(f"{name}.py", GOOD)
    write("b.py", GOOD.replace('return {"good": label}', "raise OSError(label)"))
    write("d.py", GOOD.replace('return {"good": label}', "raise SystemExit(label)"))
    assert call_hook("fetcher_extra", label="x") == [("c", {"good": "x"}), ("a", {"good": "x"})]
    assert [(entry.name, entry.phase, entry.error) for entry in quarantined()] == [
        ("d", "hook fetcher_extra", "SystemExit: x"),
        ("b", "hook fetcher_extra", "OSError: x"),
    ]
    assert call_hook("post_create", subdomain="x") == []
    with pytest.raises(SystemExit, match="x"):  # whoever must not go on after a failure calls the manager
        plugin_manager().hook.fetcher_extra(label="x")


def test_it_is_said_once(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    write("broken.py", GOOD.replace('return {"good": label}', "raise OSError('gone')"))
    with caplog.at_level(logging.WARNING, logger="clerk.plugins"):
        for _ in range(3):
            call_hook("fetcher_extra", label="x")
    (message,) = [record.getMessage() for record in caplog.records if "broken" in record.getMessage()]
    assert "is quarantined at hook fetcher_extra: OSError: gone" in message


def test_a_misspelt_hook_is_reported_and_the_plugin_s_other_hooks_work(write: Write) -> None:
    write("typo.py", GOOD + "\n    @hookimpl\n    def register_job_typs(self):\n        return {}\n")
    assert call_hook("fetcher_extra", label="x") == [("typo", {"good": "x"})]
    (entry,) = quarantined()
    assert entry.phase == "hook register_job_typs"
    assert "did you mean register_job_types?" in entry.error


def test_hooks_of_older_releases_are_no_mistake(write: Write) -> None:
    old = "\n    @hookimpl\n    def {}(self, subdomain): ...\n"
    write("old.py", GOOD + old.format("create_site") + old.format("update_site"))
    assert names() == ["old"]
    assert quarantined() == []
    assert plugins().hooks_of(loaded("old").implementation) == ("fetcher_extra", "post_create")


def test_a_hook_wrapper_is_reported_not_called(write: Write) -> None:
    write("wraps.py", GOOD.replace("return {", "yield {").replace("@hookimpl", "@hookimpl(wrapper=True)", 1))
    assert call_hook("fetcher_extra", label="x") == []
    assert [(entry.name, entry.phase) for entry in quarantined()] == [("wraps", "hook fetcher_extra")]
