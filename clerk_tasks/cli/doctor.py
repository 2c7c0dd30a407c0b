"""`clerk-tasks doctor`: find what is stuck or wrong, and repair it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from clerk_tasks.cli import output
from clerk_tasks.cli.options import AsJson, EveryRow
from clerk_tasks.operations.doctor import diagnose


def command(
    fix: Annotated[bool, typer.Option("--fix", help="Repair what needs no decision.")] = False,
    every_row: EveryRow = False,
    as_json: AsJson = False,
) -> None:
    """Find stuck, orphaned and unserved jobs, and dangerous settings. Exit 1 while anything is wrong."""
    found = diagnose(fix=fix, every_row=every_row)
    rows = [asdict(each.damage) | {"mended": each.mended} for each in found]
    output.answer(rows, ("kind", "subject", "problem", "remedy", "mended"), as_json=as_json, empty="Nothing is wrong.")
    raise typer.Exit(int(any(not each.mended for each in found)))
