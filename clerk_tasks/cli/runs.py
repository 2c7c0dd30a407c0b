"""`clerk-tasks runs`: list and show runs."""

from __future__ import annotations

from typing import Annotated

import typer

from clerk_tasks.cli import output
from clerk_tasks.cli.jobs_output import COLUMNS

app = typer.Typer(no_args_is_help=True, help="List and show runs.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(
    subdomain: Annotated[str | None, typer.Option(help="Only this site's.")] = None,
    state: Annotated[str | None, typer.Option(help="running, completed, failed or cancelled.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0 means all.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    from clerk.db import reading
    from clerk.ledger import queries

    with reading() as connection:
        runs = queries.list_runs(connection, subdomain=subdomain, state=state, limit=limit or None)
    if as_json:
        output.print_json(runs)
        return
    columns = ("id", "pipeline", "state", "jobs", "remaining", "failed", "cancelled", "created_at", "finished_at")
    output.print_table(runs, columns, empty="No runs.")


@app.command()
def show(run_id: Annotated[str, typer.Argument(help="The run's id.")], as_json: AsJson = False) -> None:
    """Show one run: its stages, and its jobs."""
    from clerk.db import reading
    from clerk.ledger import queries

    with reading() as connection:
        run = queries.show_run(connection, run_id)
    if as_json:
        output.print_json(run)
        return
    output.print_line(f"{run['id']}: {run['pipeline']} of {run['subdomain']}, {run['state']}")
    output.print_line()
    stages = ("name", "state", "total", "remaining", "failed", "cancelled", "opened_at", "closed_at")
    output.print_table(run["stages"], stages)
    output.print_line()
    output.print_table(run["jobs"], COLUMNS)
