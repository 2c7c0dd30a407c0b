"""What is broken is set aside, and everything else goes on."""

from __future__ import annotations

import logging

import pytest

from clerk.plugin.loader import call_hook, load_plugins_from_directory, plugin_manager, plugins
from clerk_tasks.operations.plugin_report import plugin_reports
from clerk_tasks.pipeline import stages_from
from clerk_tasks.schedules import declared
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
        ("raise BaseException('enough')", "import", "RuntimeError: it raised BaseException"),
        (GOOD + "\n    def __init__(self):\n        raise OSError('no disk')\n", "constructor", "OSError: no disk"),
        (GOOD + "\n    def __init__(self):\n        raise SystemExit\n", "constructor", "SystemExit"),
        (
            GOOD.replace("(self, label)", "(self, lable)"),
            "register",
            "hook fetcher_extra takes no argument lable; its arguments are label: rename",
        ),
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
    write("e.py", GOOD.replace('return {"good": label}', "raise GeneratorExit(label)"))
    assert call_hook("fetcher_extra", label="x") == [("c", {"good": "x"}), ("a", {"good": "x"})]
    assert [(entry.name, entry.phase, entry.error) for entry in quarantined()] == [
        ("e", "hook fetcher_extra", "RuntimeError: it raised GeneratorExit"),
        ("d", "hook fetcher_extra", "SystemExit: x"),
        ("b", "hook fetcher_extra", "OSError: x"),
    ]
    assert call_hook("post_create", subdomain="x") == []
    with pytest.raises(GeneratorExit, match="x"):  # whoever must not go on after a failure calls the manager
        plugin_manager().hook.fetcher_extra(label="x")


def test_ctrl_c_is_nobody_s_fault(write: Write) -> None:
    write("a.py", GOOD.replace('return {"good": label}', "raise KeyboardInterrupt"))
    with pytest.raises(KeyboardInterrupt):
        call_hook("fetcher_extra", label="x")
    assert quarantined() == []


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


@pytest.mark.parametrize(
    ("hook", "answer", "phase", "error"),
    [
        ("schedules", "Schedule('s', '99 * * * *', choose)", "schedule s", "cron '99 * * * *' is not a time"),
        ("schedules", "[Schedule('s', '0 0 30 2 *', choose)]", "schedule s", "cron '0 0 30 2 *' is not a time"),
        ("schedules", "[Schedule('s', None, choose)]", "schedule s", "cron None"),
        ("schedules", "[Schedule('s', '0 0 * * * *', choose)]", "schedule s", "cron '0 0 * * * *' must be five fields"),
        ("schedules", "[Schedule('s', '* * * * *', choose, timezone='US')]", "schedule s", "time zone 'US' is unknown"),
        ("schedules", "[Schedule('s', '* * * * *', lambda: [])]", "schedule s", "jobs must be a function of a conn"),
        ("schedules", "[Schedule(None, '* * * * *', choose)]", "schedule without a name", "the name None"),
        (
            "schedules",
            "[Schedule('s', '* * * * *', 7)]",
            "schedule s",
            "jobs must be a function of a connection",
        ),
        ("schedules", "[Schedule('s', '* * * * *', choose, catch_up='once')]", "schedule s", "catch_up: 'once'"),
        ("schedules", "7", "schedule without a name", "register_schedules must return a list of clerk.Schedule, not 7"),
        ("stages", "[7]", "hook register_stages", "it must return a list of Stage"),
        ("stages", "Stage(None, 'extract-site')", "hook register_stages", "a stage's name may hold"),
        ("stages", "Stage('A b', 'extract-site')", "hook register_stages", "a stage's name may hold"),
        ("stages", "Stage('s', ['extract-site'])", "hook register_stages", "stage 's': job_type is a job type's name"),
        ("stages", "Stage('s', 'extract-site', after=7)", "hook register_stages", "stage 's': after is a stage's name"),
        (
            "stages",
            "Stage('s', 'extract-site', tolerance='1')",
            "hook register_stages",
            "stage 's': tolerance",
        ),
        (
            "stages",
            "Stage('s', 'extract-site', tolerance=1.5)",
            "hook register_stages",
            "stage 's': tolerance",
        ),
        (
            "stages",
            "Stage('s', 'extract-site', tolerance=True)",
            "hook register_stages",
            "stage 's': tolerance",
        ),
        (
            "stages",
            "Stage('s', 'fetch-site')",
            "hook register_stages",
            "job type 'fetch-site' begins stage",
        ),
        (
            "stages",
            "Stage('s', 'unpublished')",
            "hook register_stages",
            "stage 's' begins with job type 'unpublished'",
        ),
        (
            "stages",
            "Stage('s', 'ocr-page')",
            "hook register_stages",
            "stage 's' begins with job type 'ocr-page'",
        ),
        ("job_types", "7", "hook register_job_types", "it must return a dict"),
        ("worker_functions", "7", "hook register_worker_functions", "it must return a dict"),
    ],
)
def test_what_is_registered_wrongly_is_found_by_asking(
    write: Write, hook: str, answer: str, phase: str, error: str
) -> None:
    source = f"""
    from clerk import Schedule
    from clerk.pipeline import Stage

    def choose(connection):
        return []

    class Odd:
        @hookimpl
        def register_{hook}(self):
            return {answer}
    """
    write("odd.py", source)
    reports = {report.name: report for report in plugin_reports()}
    assert reports["odd"].state == "quarantined"
    assert str(reports["odd"].error).startswith(f"{phase}: {error}")
    assert {report.state for name, report in reports.items() if name != "odd"} == {"ok"}
    assert {"finance-next-site", "meetings-next-site", "prune-ledger"} == set(declared.gather())
    assert [stage.name for stage in stages_from("fetch-site")] == ["fetch", "ocr", "compilation", "deploy"]


def test_a_schedule_of_a_taken_name_is_the_later_plugin_s_mistake(write: Write) -> None:
    """Guard: gather asks the first registered first."""
    source = """
    from clerk import Schedule

    class Odd:
        @hookimpl
        def register_schedules(self):
            return [Schedule("meetings-next-site", "1 1 1 1 *", lambda connection: [])]
    """
    path = write("odd.py", source)
    assert declared.gather()["meetings-next-site"].cron == "*/10 * * * *"
    (entry,) = quarantined()
    assert (entry.name, entry.phase) == ("odd", "schedule meetings-next-site")
    assert "plugin clerk (clerk-tasks, clerk.meetings.plugin:BuiltinPlugin)" in entry.error
    assert f"plugin odd ({path.resolve()})" in entry.error
