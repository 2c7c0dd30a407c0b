"""The root: options, errors, exit codes, and `plugins list|check`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from clerk import __version__
from clerk.settings import settings
from clerk_tasks.cli.commands import COMMANDS
from tests.unit.cli.conftest import Run, Write

SAYS_HELLO = """
import typer

app = typer.Typer(name="{name}")


@app.command()
def hello():
    print("hello")


class Plugin:
    @hookimpl
    def register_cli_commands(self):
        return app
"""


def test_version(run: Run) -> None:
    assert run("--version").out == f"clerk-tasks {__version__}\n"


def test_help_lists_every_command_of_ours(run: Run) -> None:
    shown = run("--help")
    assert shown.code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in shown.out


def test_an_unknown_command_is_a_usage_error_with_a_suggestion(run: Run) -> None:
    result = run("plugns", "list")
    assert (result.code, result.out) == (2, "")
    assert result.err == "error: No such command 'plugns'. Did you mean 'plugins', 'runs'? (see `clerk-tasks --help`)\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("jobs", "list", "--nonsense"), "No such option: --nonsense (see `clerk-tasks jobs list --help`)"),
        (("jobs", "list", "--limit", "x"), "unable to parse string as an integer (see `clerk-tasks jobs list --help`)"),
        (("jobs", "show"), "Missing argument 'job_id'. (see `clerk-tasks jobs show --help`)"),
        (("--nonsense",), "No such option: --nonsense (see `clerk-tasks --help`)"),
        (("acme", "hello", "x"), "Got unexpected extra argument(s) (x) (see `clerk-tasks acme hello --help`)"),
        (
            ("update", "alameda.ca"),
            "Got unexpected extra argument(s) (alameda.ca) "
            "(name a site with --subdomain; see `clerk-tasks update --help`)",
        ),
    ],
)
def test_a_usage_error_is_one_line(run: Run, write: Write, arguments: tuple[str, ...], line: str) -> None:
    write("acme.py", SAYS_HELLO.format(name="acme"))
    result = run(*arguments)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith("error: ")
    assert result.err.endswith(f"{line}\n")


def test_a_group_without_a_command_shows_its_help(run: Run) -> None:
    result = run("jobs")
    assert (result.code, result.out) == (2, "")
    assert "Retry dead letters" in result.err


@pytest.mark.parametrize("command", [("--help",), ("jobs", "--help")])
def test_there_is_help_whatever_the_plugins_directory_is(run: Run, command: tuple[str, ...]) -> None:
    Path("file").touch()
    result = run("--plugins-dir", "file", *command)
    assert result.code == 0
    assert "Usage: clerk-tasks" in result.out
    assert result.err.startswith("warning: plugins directory file is not a directory")


@pytest.mark.parametrize("arguments", [("--plugins-dir", "mine", "{}"), ("--plugins-dir=mine", "{}")])
@pytest.mark.parametrize("command", ["--help", "acme"])
def test_the_plugins_directory_is_known_before_anything_is_parsed(
    run: Run, write: Write, arguments: tuple[str, ...], command: str
) -> None:
    write("../mine/acme.py", SAYS_HELLO.format(name="acme"))
    words = [word.format(command) for word in arguments]
    result = run(*words, *(["hello"] if command == "acme" else []))
    assert result.code == 0
    assert "acme" in result.out if command == "--help" else result.out == "hello\n"
    assert os.environ["CLERK_PLUGINS_DIR"] == str(Path("mine").absolute())


def test_help_before_the_plugins_directory_sees_it_too(run: Run, write: Write) -> None:
    write("../mine/acme.py", SAYS_HELLO.format(name="acme"))
    assert "acme" in run("--help", "--plugins-dir", "mine").out


def test_a_command_s_own_option_of_that_name_is_its_own(run: Run, write: Write) -> None:
    write("acme.py", SAYS_HELLO.format(name="acme").replace("hello():", "hello(plugins_dir: str):"))
    assert run("acme", "hello", "--plugins-dir", "mine").code == 2
    assert "CLERK_PLUGINS_DIR" not in os.environ


def test_a_later_directory_replaces_an_earlier_one(run: Run, write: Write) -> None:
    write("../a/acme.py", SAYS_HELLO.format(name="acme"))
    write("../b/tax.py", SAYS_HELLO.format(name="tax"))
    assert run("--plugins-dir", "a", "acme", "hello").code == 0
    assert run("--plugins-dir", "b", "tax", "hello").code == 0
    assert run("--plugins-dir", "b", "acme", "hello").code == 2


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_plugins_directory_that_is_a_file_is_a_usage_error(
    run: Run, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    Path("file").touch()
    if by == "environment":
        monkeypatch.setenv("CLERK_PLUGINS_DIR", "file")
    result = run(*(["--plugins-dir", "file"] if by == "option" else []), "plugins", "list")
    assert (result.code, result.out) == (2, "")
    named = "file" if by == "option" else "file (CLERK_PLUGINS_DIR)"
    assert result.err.startswith(f"error: plugins directory {named} is not a directory")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_plugins_directory_that_does_not_exist_is_warned_about(
    run: Run, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    if by == "environment":
        monkeypatch.setenv("CLERK_PLUGINS_DIR", "nowhere")
    result = run(*(["--plugins-dir", "nowhere"] if by == "option" else []), "plugins", "check")
    named = "nowhere" if by == "option" else "nowhere (CLERK_PLUGINS_DIR)"
    assert (result.code, result.err) == (
        0,
        f"warning: plugins directory {named} does not exist; no plugins are loaded from it\n",
    )


def test_debug_shows_the_traceback(run: Run, write: Write) -> None:
    write("acme.py", SAYS_HELLO.format(name="acme").replace('print("hello")', "raise RuntimeError('a\\nb')"))
    plain = run("acme", "hello")
    assert (plain.code, plain.err.count("\n")) == (1, 1)
    place = f"{Path('plugins/acme.py').resolve()}:11"
    assert plain.err == f"error: RuntimeError: a b ({place}; --debug before the command shows where)\n"
    debugged = run("--debug", "acme", "hello")
    assert debugged.code == 1
    assert "Traceback (most recent call last)" in debugged.err


def test_a_quarantined_plugin_is_reported_once_and_the_rest_works(run: Run, write: Write) -> None:
    write("broken.py", "raise OSError('gone')")
    write("acme.py", SAYS_HELLO.format(name="acme"))
    result = run("acme", "hello")
    assert (result.code, result.out) == (0, "hello\n")
    path = Path("plugins/broken.py").resolve()
    assert result.err == f"warning: plugin broken ({path}) is quarantined at import: OSError: gone ({path}:3)\n"


def test_a_plugin_that_prints_does_not_spoil_the_answer(run: Run, write: Write) -> None:
    source = """
    print("imported")

    class Chatty:
        @hookimpl
        def register_job_types(self):
            print("asked")
    """
    write("chatty.py", source)
    result = run("plugins", "list", "--json")
    assert {row["state"] for row in json.loads(result.out)} == {"ok"}
    assert result.err == "imported\nasked\n"


def test_no_secret_is_shown(run: Run, write: Write) -> None:
    write("broken.py", "raise OSError('cannot reach postgresql://me:hunter2@db/civic')")
    write("acme.py", SAYS_HELLO.format(name="acme").replace('print("hello")', "raise OSError('a://me:hunter2@db')"))
    result = run("acme", "hello")
    assert result.code == 1
    assert result.err.count("me:***@db") == 2
    assert "hunter2" not in result.err


def test_plugins_list_shows_the_good_and_the_bad(run: Run, write: Write) -> None:
    write("broken.py", "raise OSError('gone')")
    write("acme.py", SAYS_HELLO.format(name="acme"))
    result = run("plugins", "list", "--json")
    assert result.code == 0
    rows = {row["name"]: row for row in json.loads(result.out)}
    assert rows["acme"] == {
        "name": "acme",
        "source": "directory",
        "where": str(Path("plugins/acme.py").resolve()),
        "version": None,
        "hooks": ["register_cli_commands"],
        "job_types": [],
        "state": "ok",
        "error": None,
    }
    error = f"import: OSError: gone ({rows['broken']['where']}:3)"
    assert (rows["broken"]["state"], rows["broken"]["error"]) == ("quarantined", error)
    assert rows["clerk"]["source"] == "built-in"
    assert "fetch-site" in rows["clerk"]["job_types"]
    assert "fetch-site" in run("plugins", "list").out


def test_plugins_check_says_by_its_exit_code_whether_all_is_well(run: Run, write: Write) -> None:
    assert run("plugins", "check").code == 0
    assert json.loads(run("plugins", "check", "--json").out) == []
    write("acme.py", "class Plugin:\n    @hookimpl\n    def register_schedules(self):\n        raise OSError('x')\n")
    from clerk.plugin.loader import forget_plugins

    forget_plugins()
    result = run("plugins", "check", "--json")
    assert result.code == 1
    ((name, error),) = [(row["name"], row["error"]) for row in json.loads(result.out)]
    path = Path("plugins/acme.py").resolve()
    assert (name, error) == ("acme", f"hook register_schedules: OSError: x ({path}:6)")


def test_a_bad_setting_is_no_plugin_s_fault(run: Run, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """But a plugin's own variable is."""
    body = "        from clerk.settings import get_env_int\n        get_env_int('MY_NUMBER')\n"
    write("acme.py", "class Plugin:\n    @hookimpl\n    def register_schedules(self):\n" + body)
    monkeypatch.setenv("MY_NUMBER", "twelve")
    checked = run("plugins", "check", "--json")
    assert (checked.code, [row["name"] for row in json.loads(checked.out)]) == (1, ["acme"])
    settings.discard()
    monkeypatch.setenv("CLERK_LEASE", "abc")
    result = run("plugins", "check", "--json")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: CLERK_LEASE='abc': ")
    assert result.err.count("\n") == 1


def test_a_conflict_is_found_by_check(run: Run, write: Write) -> None:
    source = """
    class Plugin:
        @hookimpl
        def register_job_types(self):
            return {"same": lambda subdomain: None}
    """
    write("first.py", source)
    write("second.py", source)
    result = run("plugins", "check", "--json")
    assert result.code == 1
    (row,) = json.loads(result.out)
    assert "plugin first (" in row["error"]
    assert "plugin second (" in row["error"]
