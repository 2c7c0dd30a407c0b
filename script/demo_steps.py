"""What the parts of the demo have in common: saying what happens, typing commands, asking databases."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROGRAM = [sys.executable, "-m", "clerk_tasks"]


def say(text: str) -> None:
    """Say what happens."""
    print(f"==> {text}", flush=True)  # noqa: T201


def clerk_tasks(*arguments: str, exits: int = 0) -> None:
    """Run one command of the program, as an operator would; end the demo if it exits with another code than `exits`."""
    code = subprocess.run([*PROGRAM, *arguments], check=False).returncode
    if code != exits:
        sys.exit(f"clerk-tasks {' '.join(arguments)} exited with {code}, not {exits}; see above")


def rows(database: Path, sql: str, *values: object) -> list[dict[str, Any]]:
    """Ask a database."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql, values)]


def differences(where: str, checks: Mapping[str, tuple[object, object]]) -> list[str]:
    """Return a line for each {what: (got, want)} that differs."""
    return [f"{where}: {what}: {got}, not {want}" for what, (got, want) in checks.items() if got != want]
