"""`clerk-tasks why`: explain why a job, or a site's work, has not run or did not finish."""

from __future__ import annotations

from typing import Annotated

import typer

from clerk_tasks.cli import output
from clerk_tasks.operations.why import explain


def command(
    what: Annotated[str, typer.Argument(metavar="JOB|SUBDOMAIN", help="A job's id, or a site.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the lines as a JSON array.")] = False,
) -> None:
    """Explain why a job, or a site's work, has not run or did not finish: every attempt, and what it waits for."""
    lines = explain(what)
    if as_json:
        output.print_json(lines)
    else:
        for line in lines:
            output.print_line(line)
