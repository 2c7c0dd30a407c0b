"""Writes docs/reference/mistakes.md: makes each mistake of a plugin author, and shows what the program says."""

from __future__ import annotations

import io
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

from clerk.errors import ClerkError
from clerk.plugin.loader import forget_plugins
from clerk.testing import Harness, add_site, drain, enqueue
from clerk_tasks.cli.main import main
from devtools.mistake_list import MISTAKES, Mistake
from devtools.plugin_files import imports_undone

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "mistakes.md"

HEAD = """# Mistakes of a plugin author, and what the program says

`clerk-tasks plugins check` finds most mistakes before anything runs: it names the plugin, the file and the line, and
exits 1. What is wrong with a call is said when it is made. What fails at run time is shown by `clerk-tasks why JOB`,
by `jobs show JOB` and, without a worker, by `clerk-tasks jobs run`. Everything else goes on: what is wrong is set
aside, and jobs that were recorded wait.

Each file below is `plugins/acme.py`, after `from clerk import hookimpl`; where there are two plugins, the other one is
alike. The messages are the program's own: `python -m devtools.mistakes` makes each mistake and writes this page, and
a test compares them. TIME and JOB stand for what differs each time; the lines of the attempts are left out.

A function that ends its process (a crash in C code, `os._exit`) or does not end (past its time limit, deaf to a cancel)
is ended by the worker, and `why` shows that in the same way.
"""

_REPLACED = (
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,+:\d]*", "TIME"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "JOB"),
    (r"process \d+", "process PID"),
    (r" on \S+, process PID", " on a worker"),
    (r'File "[^"]*/(plugins/\w+\.py)"', r'File "\1"'),
    (r' +File "[^"]*/clerk(?:_tasks)?/[\w/]+\.py", line .*\n.*\n', ""),
    (r" *[\^~]+\n", ""),
)


def said(mistake: Mistake) -> str:
    """Make a mistake in a folder, a database and a process state of its own; return what the program says."""
    with tempfile.TemporaryDirectory() as name, imports_undone(folder := Path(name).resolve()), chdir(folder):
        Path("plugins").mkdir()
        (system := folder / "system").mkdir()
        for file, text in mistake.files().items():
            Path("plugins", file).write_text(text)
        before = os.environ.pop("CLERK_PLUGINS_DIR", None)
        try:
            with Harness(system, settings={"NO_COLOR": "1"}):
                forget_plugins()
                text = _made(mistake)
        finally:
            os.environ.update({} if before is None else {"CLERK_PLUGINS_DIR": before})
            forget_plugins()
        return _without_what_differs(text, folder)


def _made(mistake: Mistake) -> str:
    add_site("alameda.ca", **mistake.site)
    if not mistake.job:
        return _run(mistake.command)
    try:
        job_id = enqueue(mistake.job, "alameda.ca")
    except ClerkError as error:
        return str(error)
    drain()
    return _run(f"why {job_id}")


def _run(command: str) -> str:
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        main(command.split())
    return printed.getvalue()


def _without_what_differs(text: str, folder: Path) -> str:
    text = text.replace(f"{folder}{os.sep}", "")
    for pattern, instead in _REPLACED:
        text = re.sub(pattern, instead, text)
    lines = [line.rstrip() for line in text.splitlines()]
    return "\n".join(line for line in lines if not line.startswith(("The broker holds", "NAME  ", "  Attempt ")))


def _section(mistake: Mistake) -> str:
    command = mistake.command if not mistake.job else "why JOB"
    return (
        f"### {mistake.title}\n\n```python\n{mistake.source.strip()}\n```\n\n"
        f"```console\n$ clerk-tasks {command}\n{said(mistake)}\n```\n"
    )


def _sections() -> Iterator[str]:
    part = None
    for mistake in MISTAKES:
        if mistake.part != part:
            part = mistake.part
            yield f"## {part}\n"
        yield _section(mistake)


def render() -> str:
    """Return the whole page."""
    return "\n".join([HEAD, *_sections()])


if __name__ == "__main__":
    PAGE.write_text(render())
