"""`clerk-tasks limits`: how many jobs of a type run at once, and how many begin in a time."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clerk_tasks.cli import output
from clerk_tasks.cli.options import JOB_TYPE_NAMES, AsJson
from clerk_tasks.operations.limits import list_limits, reset_limit, set_limit

app = typer.Typer(no_args_is_help=True)
COLUMNS = ("job_type", "key", "concurrency", "rate", "running", "available", "held", "source", "by", "reason")

JobTypeName = Annotated[str, typer.Argument(metavar="JOB_TYPE", help="The job type.", autocompletion=JOB_TYPE_NAMES)]


@app.command("show")
def show_command(
    job_type: Annotated[
        str | None,
        typer.Argument(metavar="[JOB_TYPE]", help="One job type; all without it.", autocompletion=JOB_TYPE_NAMES),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the limits of the job types, and how many jobs run, may run and are held."""
    output.answer(list_limits(job_type), COLUMNS, as_json=as_json, empty="No job type has a limit.")


@app.command("set")
def set_command(
    job_type: JobTypeName,
    concurrency: Annotated[int | None, typer.Option(help="How many run at once.")] = None,
    rate: Annotated[str | None, typer.Option(metavar="RATE", help="How many begin: 5/s, 30/min, 1000/hour.")] = None,
    unlimited: Annotated[bool, typer.Option("--none", help="No limit.")] = False,
    reason: Annotated[str, typer.Option(help="Why; shown by `limits show`.")] = "",
    as_json: AsJson = False,
) -> None:
    """Set a limit in place of the plugin's, at once and for all workers. What runs goes on."""
    made = set_limit(job_type, concurrency=concurrency, rate=rate, unlimited=unlimited, reason=reason)
    output.answer_one(made, _sentence(made), as_json=as_json)


@app.command("reset")
def reset_command(job_type: JobTypeName, as_json: AsJson = False) -> None:
    """Return to the plugin's limit."""
    made = reset_limit(job_type)
    output.answer_one(made, _sentence(made), as_json=as_json)


def _sentence(made: dict[str, Any]) -> str:
    parts = [f"{made['concurrency']} at once"] if made["concurrency"] else []
    parts += [made["rate"]] if made["rate"] else []
    each = f", for each {made['key']}" if made["key"] else ""
    return f"{made['job_type']}: {' and '.join(parts) or 'no limit'}{each}"
