"""`clerk-tasks runs`: list, show, retry and cancel runs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from clerk_tasks.cli import output
from clerk_tasks.cli.jobs_output import finish, listing_of
from clerk_tasks.cli.options import PIPELINE_STAGES, RUN_IDS, AsJson, Before, DryRun, Limit, OfSite, Reason, Wait
from clerk_tasks.cli.runs_output import heading, runs_listing, stages_listing
from clerk_tasks.operations import listing, run_retry
from clerk_tasks.operations.cancel import cancel_run
from clerk_tasks.operations.short_ids import full_run_id

app = typer.Typer(no_args_is_help=True, help="List, show, retry and cancel runs.")


@app.command("list")
def list_(
    subdomain: OfSite = None,
    state: Annotated[str | None, typer.Option(help="Only running, completed, failed or cancelled runs.")] = None,
    before: Before = None,
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    runs = listing.list_runs(
        subdomain=subdomain, state=state, before=before and full_run_id(before), limit=limit or None
    )
    output.answer_one(runs, *(() if as_json else (runs_listing(runs),)), as_json=as_json)


@app.command()
def show(
    run_id: Annotated[str, typer.Argument(help="The run's id, or its beginning.", autocompletion=RUN_IDS)],
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """Show one run: its stages, and its newest jobs."""
    run = listing.show_run(full_run_id(run_id), limit=limit or None)
    parts = () if as_json else (heading(run), "", stages_listing(run), "", listing_of(run["jobs"]))
    output.answer_one(run, *parts, as_json=as_json)


@app.command()
def retry(
    run_id: Annotated[str, typer.Argument(help="A run that has ended.", autocompletion=RUN_IDS)],
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="STAGE",
            help="Begin at this stage (default: the first that failed).",
            autocompletion=PIPELINE_STAGES,
        ),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(metavar="KINDS", help="Read only these documents: failed, missing, or failed,missing."),
    ] = None,
    reason: Reason = None,
    dry_run: DryRun = False,
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Repeat a run from a stage on, as a new run. Documents that were read are not read again."""
    plan = run_retry.plan(full_run_id(run_id), start, only=only)
    if dry_run:
        output.answer_one(asdict(plan), str(plan), as_json=as_json)
    else:
        output.note(str(plan))
        enqueued = run_retry.enqueue(plan, reason=reason)
        finish(enqueued.job_ids, wait=wait, as_json=as_json)


@app.command()
def cancel(
    run_id: Annotated[str, typer.Argument(help="A run that has not ended.", autocompletion=RUN_IDS)],
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Cancel a run: its waiting jobs at once; running jobs are asked to stop."""
    run = cancel_run(run_id := full_run_id(run_id), reason=reason)
    running = sum(stage["remaining"] for stage in run["stages"])
    state = f"its waiting jobs are cancelled, its running jobs ({running}) were asked to stop"
    output.answer_one(run, f"{run_id}: {state if running else 'cancelled'}.", as_json=as_json)
