"""`clerk-tasks doctor`: find what is stuck or wrong, and mend it."""

from __future__ import annotations

from typing import Annotated

import typer

from clerk_tasks.cli import output
from clerk_tasks.operations.doctor import examine


def command(
    fix: Annotated[bool, typer.Option("--fix", help="Mend what can be mended without a decision.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find stuck, orphaned, unserved and undecidable jobs, and dangerous settings; exit 1 while anything is wrong."""
    found = examine(fix=fix)
    rows = [
        {
            "kind": each.damage.kind,
            "subject": each.damage.subject,
            "problem": each.damage.problem,
            "remedy": each.damage.remedy,
            "mended": each.mended,
        }
        for each in found
    ]
    if as_json:
        output.print_json(rows)
    else:
        output.print_table(rows, ("kind", "subject", "problem", "remedy", "mended"), empty="Nothing is wrong.")
    raise typer.Exit(int(any(not each.mended for each in found)))
