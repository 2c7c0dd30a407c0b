"""`clerk-tasks jobs`: list, explain, retry and cancel jobs."""

from __future__ import annotations

from typing import Annotated

import typer

from clerk.database.states import JobState
from clerk.database.transactions import reading
from clerk_tasks.cli import output
from clerk_tasks.cli.jobs_output import COLUMNS, finish
from clerk_tasks.cli.options import AsJson, DryRun, Limit, OfSite, Wait
from clerk_tasks.ledger import queries
from clerk_tasks.operations import job_retry
from clerk_tasks.operations.known import check_filters, parse_state

app = typer.Typer(no_args_is_help=True, help="List, explain, retry and cancel jobs.")

JobId = Annotated[str, typer.Argument(help="The job's id.")]
JobIds = Annotated[list[str], typer.Argument(help="Job ids.")]


@app.command("list")
def list_(
    subdomain: OfSite = None,
    state: Annotated[str | None, typer.Option(help="Only jobs in this state.")] = None,
    job_type: Annotated[str | None, typer.Option(help="Only jobs of this type.")] = None,
    run_id: Annotated[str | None, typer.Option(help="Only jobs of this run.")] = None,
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    wanted = parse_state(JobState, state)
    with reading() as connection:
        check_filters(connection, subdomain=subdomain, job_type=job_type, run_id=run_id)
        jobs = queries.list_jobs(
            connection, subdomain=subdomain, state=wanted, job_type=job_type, run_id=run_id, limit=limit or None
        )
    output.answer(jobs, COLUMNS, as_json=as_json, empty="No jobs.")


@app.command()
def show(job_id: JobId, as_json: AsJson = False) -> None:
    """Show one job: its arguments, its result, and every attempt."""
    with reading() as connection:
        job = queries.show_job(connection, job_id)
    if as_json:
        output.print_json(job)
        return
    attempts = job.pop("attempts")
    for key, value in job.items():
        if value is not None:
            output.print_line(f"{key:20} {value}")
    output.print_line()
    output.print_table(
        attempts, ("attempt", "outcome", "worker", "pid", "started_at", "finished_at", "error"), empty="No attempt yet."
    )


@app.command()
def retry(
    job_ids: Annotated[list[str] | None, typer.Argument(help="Job ids; or choose jobs with --state.")] = None,
    state: Annotated[str | None, typer.Option(help="All jobs in this state: discarded or cancelled.")] = None,
    error_like: Annotated[str | None, typer.Option(metavar="TEXT", help="Only jobs whose error contains TEXT.")] = None,
    subdomain: Annotated[str | None, typer.Option(help="Only jobs of this site.")] = None,
    job_type: Annotated[str | None, typer.Option(help="Only jobs of this type.")] = None,
    dry_run: DryRun = False,
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Retry dead letters, or cancelled jobs, with their exact arguments."""
    chosen = job_retry.choose(job_ids, state, error_like=error_like, subdomain=subdomain, job_type=job_type)
    if dry_run:
        finish(chosen, wait=False, as_json=as_json, as_list=True)
        return
    retried, refused = job_retry.retry(chosen, strict=bool(job_ids))
    for reason in refused:
        output.warn(reason)
    if not retried:
        output.note("No job was retried.")
    finish(retried, wait=wait, as_json=as_json, as_list=True)


@app.command()
def cancel(job_ids: JobIds, as_json: AsJson = False) -> None:
    """Cancel jobs: waiting jobs at once; running jobs are asked to stop."""
    cancelled = job_retry.cancel(job_ids)
    if as_json:
        with reading() as connection:
            output.print_json(queries.job_states(connection, list(cancelled)))
        return
    for job_id, state in cancelled.items():
        output.print_line(f"{job_id} {'was asked to stop' if state is JobState.RUNNING else state}")
