"""Plugins' commands, click's and Typer's, behave as commands of ours do."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import Run, Write

CLICK = """
import click
from clerk.errors import ConflictError


@click.group()
@click.option("--loud", is_flag=True)
@click.pass_context
def acme(ctx, loud):
    \"\"\"Acme's own [commands].\"\"\"
    ctx.obj["loud"] = loud


@acme.command()
@click.argument("name")
@click.option("--count", type=int, default=1)
@click.pass_obj
def greet(obj, name, count):
    \"\"\"Greet someone.\"\"\"
    for _ in range(count):
        click.echo(f"hello {name}{'!' if obj['loud'] else ''}")


@acme.command()
@click.argument("how")
@click.pass_context
def end(ctx, how):
    if how == "exit":
        ctx.exit(7)
    if how == "abort":
        raise click.Abort
    if how == "usage":
        raise click.UsageError("not like this")
    if how == "click":
        raise click.ClickException("no such luck")
    if how == "clerk":
        raise ConflictError("already so")
    if how == "bug":
        raise RuntimeError("oops")
    if how == "interrupt":
        raise KeyboardInterrupt
    if how == "system":
        raise SystemExit(9)
    if how == "words":
        raise SystemExit("no key for redis://me:hunter2@host")
    return 5


@acme.group()
def deep(): ...


@deep.command()
def deeper():
    click.echo("deepest")


def empty_app():
    import typer

    app = typer.Typer()
    for function in (lambda: None, lambda: None):
        app.command(str(id(function)))(function)
    return app


class Plugin:
    @hookimpl
    def register_cli_commands(self):
        return acme
"""

TYPER = """
import typer

app = typer.Typer(name="tax")


@app.command()
def report(year: int, dry: bool = False):
    \"\"\"Report a year.\"\"\"
    if year < 0:
        raise typer.Exit(6)
    if year == 0:
        raise ValueError("no year")
    print(f"year {year} {dry}")


class Plugin:
    @hookimpl
    def register_cli_commands(self):
        return app
"""


def test_plugins_commands_are_listed_with_ours(run: Run, write: Write) -> None:
    write("acme.py", CLICK)
    write("tax.py", TYPER)
    shown = run("--help")
    assert shown.code == 0
    listed = [line.split(maxsplit=1) for line in shown.out.splitlines()]
    assert ["acme", "Acme's own [commands]."] in listed
    assert ["tax"] in [words[:1] for words in listed]
    assert ["db", "Create, upgrade, check and prune the database."] in listed


@pytest.mark.parametrize(
    ("arguments", "code", "out"),
    [
        (("acme", "greet", "you"), 0, "hello you\n"),
        (("acme", "--loud", "greet", "you", "--count", "2"), 0, "hello you!\nhello you!\n"),
        (("acme", "deep", "deeper"), 0, "deepest\n"),
        (("acme", "end", "normally"), 0, ""),
        (("tax", "report", "2024", "--dry"), 0, "year 2024 True\n"),
    ],
)
def test_they_run(run: Run, write: Write, arguments: tuple[str, ...], code: int, out: str) -> None:
    write("acme.py", CLICK)
    write("tax.py", TYPER)
    result = run(*arguments)
    assert (result.code, result.out, result.err) == (code, out, "")


@pytest.mark.parametrize(
    ("arguments", "code", "err"),
    [
        (("acme", "greet"), 2, "Usage: clerk-tasks acme greet"),
        (("acme", "greet", "you", "--count", "x"), 2, "'x' is not a valid integer"),
        (("acme", "greet", "--nonsense", "you"), 2, "No such option"),
        (("acme", "great", "you"), 2, "No such command 'great'"),
        (("acme", "end", "usage"), 2, "Error: not like this"),
        (("acme", "end", "click"), 1, "Error: no such luck"),
        (("acme", "end", "abort"), 1, "Aborted"),
        (("acme", "end", "exit"), 7, ""),
        (("acme", "end", "system"), 9, ""),
        (("acme", "end", "words"), 1, "no key for redis://me:***@host\n"),
        (("acme", "end", "clerk"), 4, "error: already so\n"),
        (("acme", "end", "bug"), 1, "/plugins/acme.py:41; --debug before the command"),
        (("acme", "end", "interrupt"), 130, ""),
        (("tax", "report"), 2, "Missing argument"),
        (("tax", "report", "--", "-1"), 6, ""),
        (("tax", "report", "0"), 1, "/plugins/tax.py:15; --debug before the command"),
    ],
)
def test_they_fail_as_ours_do(run: Run, write: Write, arguments: tuple[str, ...], code: int, err: str) -> None:
    write("acme.py", CLICK)
    write("tax.py", TYPER)
    result = run(*arguments)
    assert (result.code, result.out) == (code, "")
    assert err in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("acme", "--help"), "Usage: clerk-tasks acme [OPTIONS] COMMAND"),
        (("acme", "greet", "--help"), "Usage: clerk-tasks acme greet [OPTIONS] NAME"),
        (("acme", "-h"), "Usage: clerk-tasks acme [OPTIONS] COMMAND"),
        (("acme", "deep", "deeper", "-h"), "-h, --help"),
        (("acme", "deep", "--help"), "Usage: clerk-tasks acme deep [OPTIONS] COMMAND"),
        (("tax", "--help"), "report"),
        (("tax", "report", "--help"), "--dry"),
    ],
)
def test_they_explain_themselves(run: Run, write: Write, arguments: tuple[str, ...], text: str) -> None:
    write("acme.py", CLICK)
    write("tax.py", TYPER)
    result = run(*arguments)
    assert (result.code, result.err) == (0, "")
    assert text in result.out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("clerk-tasks acm", ["acme"]),
        ("clerk-tasks acme g", ["greet"]),
        ("clerk-tasks acme greet --co", ["--count"]),
        ("clerk-tasks acme deep ", ["deeper"]),
        ("clerk-tasks plugins ", ["list", "check", "new"]),
        ("clerk-tasks plugins list --j", ["--json"]),
        ("clerk-tasks --plugins-dir elsewhere ta", ["tax"]),
    ],
)
def test_they_complete(
    run: Run, write: Write, monkeypatch: pytest.MonkeyPatch, words: str, expected: list[str]
) -> None:
    write("acme.py", CLICK)
    write("../elsewhere/tax.py", TYPER)
    monkeypatch.setenv("_CLERK_TASKS_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    result = run()
    assert result.out.split() == expected


@pytest.mark.parametrize("program", ["_CLERK_TASKS_COMPLETE", "_CLERK_COMPLETE"])
def test_completion_says_nothing_of_what_is_broken(
    run: Run, write: Write, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    write("acme.py", CLICK)
    write("broken.py", "raise OSError")
    monkeypatch.setattr("sys.argv", ["clerk" if program == "_CLERK_COMPLETE" else "clerk-tasks"])
    monkeypatch.setenv(program, "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "clerk acm")
    monkeypatch.setenv("COMP_CWORD", "1")
    result = run()
    assert (result.out.split(), result.err) == (["acme"], "")


def test_an_unnamed_app_of_one_command_is_mounted_as_that_command(run: Run, write: Write) -> None:
    write("tax.py", TYPER.replace('typer.Typer(name="tax")', "typer.Typer()"))
    assert run("report", "2024").out == "year 2024 False\n"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("'acme'", "return a click command or group, or a typer.Typer, not 'acme' ("),
        ("__import__('typer').Typer()", "the app has no command: put @app.command() above a function ("),
        ("empty_app()", "the app needs a name"),
        ("__import__('click').Group()", "the click command needs a name"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_what_is_no_command_is_set_aside(run: Run, write: Write, answer: str, error: str) -> None:
    write("acme.py", CLICK.replace("return acme", f"return {answer}"))
    result = run("--help")
    assert result.code == 0
    assert "plugin acme (" in result.err
    assert error in result.err


def test_a_name_that_is_ours_stays_ours(run: Run, write: Write) -> None:
    write("acme.py", CLICK.replace("@click.group()", '@click.group(name="plugins")', 1))
    result = run("plugins", "check")
    assert result.code == 1
    assert "command plugins: the name is taken by clerk-tasks itself: give it another" in result.out


def test_of_two_plugins_commands_of_one_name_the_first_is_kept(run: Run, write: Write) -> None:
    write("acme.py", CLICK)
    write("tax.py", TYPER.replace('name="tax"', 'name="acme"'))
    result = run("acme", "greet", "you")
    assert (result.code, result.out) == (0, "hello you\n")
    assert "plugin tax (" in result.err
    assert "the name is taken by plugin acme (" in result.err
