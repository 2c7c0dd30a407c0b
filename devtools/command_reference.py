"""Writes docs/reference/commands.md from the program's own help: `python -m devtools.command_reference`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import typer
from typer.main import get_command

from clerk_tasks.cli.main import cli
from devtools.json_answers import table

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "commands.md"

HEAD = """# Commands

`clerk-tasks` and `clerk` are the same program. An answer goes to stdout, everything else to stderr. Commands that
print data take `--json`; the keys are stable. Times are in UTC.

| Exit code | Meaning |
|---|---|
| 0 | done |
| 1 | the work failed |
| 2 | the call is wrong: an argument, a priority, a subdomain, a size |
| 3 | no such job type, site, job, run, pool, schedule or plugin |
| 4 | conflict: it is there already, or being done |
| 5 | the broker or the database cannot be reached |
| 130 | interrupted |

`health` exits 0 when all is well, 1 when something needs attention, 2 when nothing can run. With `--wait` a command
waits for the jobs that its jobs bring along, too, and exits 0 if every job completed, else 1.

This page is the program's own help; `python -m devtools.command_reference` writes it, and a test compares them.
"""


def render() -> str:
    """Return the whole page."""
    sections = [HEAD, table(), *(_section(path) for path in _paths())]
    return "\n".join(sections)


def _paths() -> Iterator[list[str]]:
    """Yield each of our commands, the root first, groups before their members."""
    root = get_command(cli)
    context = typer.Context(root)
    yield []
    for name in root.list_commands(context):  # type: ignore[attr-defined]
        yield [name]
        for member in _members(name):
            yield [name, member]


def _members(name: str) -> list[str]:
    """Read a group's commands from its help, as a person would: the modules behind it are loaded on demand."""
    _, found, listed = _help([name]).partition("\nCommands:\n")
    return (
        [line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line[2] != " "] if found else []
    )


def _section(path: list[str]) -> str:
    title = " ".join(["clerk-tasks", *path])
    return f"## `{title}`\n\n```\n{_help(path)}```\n" if len(path) < 2 else f"### `{title}`\n\n```\n{_help(path)}```\n"


def _help(path: list[str]) -> str:
    environment = {"COLUMNS": "100", "PATH": "/usr/bin:/bin", "TERM": "dumb", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "clerk_tasks", *path, "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.replace(
        "python -m clerk_tasks", "clerk-tasks"
    )


if __name__ == "__main__":
    PAGE.write_text(render())
