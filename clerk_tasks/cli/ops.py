"""`clerk-tasks ops`: what operators analyse elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clerk_tasks.cli import output
from clerk_tasks.cli.options import AsJson
from clerk_tasks.operations.snapshot import write_snapshot

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _ops() -> None:
    """Write the ledger's history to a file, to analyse it."""


@app.command()
def snapshot(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The SQLite file to write, such as operations.db.")],
    as_json: AsJson = False,
) -> None:
    """Write runs, jobs, attempts, slots, workers and acts, without secrets, with stored queries for Datasette."""
    counts = write_snapshot(file)
    listed = ", ".join(f"{number} {name}" for name, number in counts.items())
    output.answer_one(counts, f"{file}: {listed}.", as_json=as_json)
