"""`clerk-tasks dev`: `up` for the author of a plugin."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from clerk.errors import UsageError
from clerk.plugin.loader import plugins_directory
from clerk_tasks.cli import output
from clerk_tasks.cli.options import Concurrency
from clerk_tasks.cli.up import board
from clerk_tasks.system.dev import run_dev


def command(
    concurrency: Concurrency = None,
    also: Annotated[
        list[Path] | None, typer.Option("--watch", help="Watch this folder too, of an installed plugin, say.")
    ] = None,
) -> None:
    """Run what `up` runs, with short logs; when a plugin changes, say what is wrong with it, or begin a new worker.

    Jobs that run finish on the old code.
    """
    if missing := [folder for folder in also or () if not folder.is_dir()]:
        raise UsageError(f"--watch {missing[0]}: there is no such folder")
    folders = [folder.resolve() for folder in (plugins_directory(), *(also or ())) if folder.is_dir()]
    ended_by = run_dev(folders, concurrency=concurrency, commands={"beat": ["beat"], **board()})
    raise typer.Exit(output.INTERRUPTED if ended_by is signal.SIGINT else 0)
