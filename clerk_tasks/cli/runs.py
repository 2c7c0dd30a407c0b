"""`clerk-tasks runs`: list, show, retry and cancel runs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from clerk.database.states import RunState
from clerk.database.transactions import reading
from clerk_tasks.cli import output
from clerk_tasks.cli.jobs_output import COLUMNS, finish
from clerk_tasks.cli.options import AsJson, DryRun, Limit, OfSite, Wait
from clerk_tasks.ledger import queries
from clerk_tasks.operations import job_retry, run_retry
from clerk_tasks.operations.known import check_filters, parse_state

app = typer.Typer(no_args_is_help=True, help="List, show, retry and cancel runs.")


@app.command("list")
def list_(
    subdomain: OfSite = None,
    state: Annotated[str | None, typer.Option(help="Only running, completed, failed or cancelled runs.")] = None,
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    wanted = parse_state(RunState, state)
    with reading() as connection:
        check_filters(connection, subdomain=subdomain)
        runs = queries.list_runs(connection, subdomain=subdomain, state=wanted, limit=limit or None)
    columns = ("id", "pipeline", "state", "jobs", "remaining", "failed", "cancelled", "created_at", "finished_at")
    output.answer(runs, columns, as_json=as_json, empty="No runs.")


@app.command()
def show(run_id: Annotated[str, typer.Argument(help="The run's id.")], as_json: AsJson = False) -> None:
    """Show one run: its stages, and its jobs."""
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


@app.command()
def retry(
    run_id: Annotated[str, typer.Argument(help="A run that has ended.")],
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="STAGE", help="Begin at this stage (default: the first that failed)."),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(metavar="KINDS", help="Read only these documents: failed, missing, or failed,missing."),
    ] = None,
    dry_run: DryRun = False,
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Repeat a run from a stage on, as a new run. Documents that were read are not read again."""
    plan = run_retry.plan(run_id, start, only=only)
    if dry_run:
        output.answer_one(asdict(plan), str(plan), as_json=as_json)
    else:
        output.note(str(plan))
        enqueued = run_retry.enqueue(plan)
        finish(enqueued.job_ids if wait else enqueued.job_ids[:1], wait=wait, as_json=as_json)


@app.command()
def cancel(run_id: Annotated[str, typer.Argument(help="A run that has not ended.")], as_json: AsJson = False) -> None:
    """Cancel a run: its waiting jobs at once; running jobs are asked to stop."""
    job_retry.cancel_run(run_id)
    if as_json:
        show(run_id, as_json=True)
    else:
        output.print_line(f"{run_id} is cancelled.")
