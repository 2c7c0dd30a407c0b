"""`clerk-tasks jobs`: list, show, retry, run, dismiss and cancel jobs."""

from __future__ import annotations

from typing import Annotated

import typer

from clerk.database.states import JobState
from clerk_tasks.cli import output
from clerk_tasks.cli.jobs_output import finish, listing_of
from clerk_tasks.cli.log_output import show_log, show_new_lines
from clerk_tasks.cli.options import AsJson, Before, DryRun, Limit, OfJobType, OfSite, Wait
from clerk_tasks.operations import job_retry, listing
from clerk_tasks.operations.cancel import cancel_jobs
from clerk_tasks.operations.dismissal import dismiss_jobs
from clerk_tasks.operations.job_logs import follow_log, read_log
from clerk_tasks.operations.run_now import run_jobs_now
from clerk_tasks.operations.short_ids import full_job_id, full_job_ids, full_run_id

app = typer.Typer(no_args_is_help=True, help="List, show, retry, run, dismiss and cancel jobs.")

JobId = Annotated[str, typer.Argument(help="The job's id, or its beginning.")]
JobIds = Annotated[list[str], typer.Argument(help="Job ids, or their beginnings.")]


@app.command("list")
def list_(
    subdomain: OfSite = None,
    state: Annotated[str | None, typer.Option(help="Only jobs in this state.")] = None,
    job_type: OfJobType = None,
    run_id: Annotated[str | None, typer.Option(help="Only jobs of this run.")] = None,
    before: Before = None,
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    jobs = listing.list_jobs(
        subdomain=subdomain,
        state=state,
        job_type=job_type,
        run_id=run_id and full_run_id(run_id),
        before=before and full_job_id(before),
        limit=limit or None,
    )
    output.answer_one(jobs, *(() if as_json else (listing_of(jobs),)), as_json=as_json)


@app.command()
def show(job_id: JobId, as_json: AsJson = False) -> None:
    """Show one job: its arguments, its result, every attempt, and the last traceback."""
    job = listing.show_job(full_job_id(job_id))
    columns = ("attempt", "outcome", "worker", "pid", "started_at", "finished_at", "error")
    attempts = output.Listing(job["attempts"], columns, "No attempt yet.")
    lines = listing.last_traceback(job)
    traceback = ("", *(f"  {line}" for line in lines)) if lines else ()  # what strangers wrote begins no line
    output.answer_one(job, output.fields(job | {"attempts": None}), "", attempts, *traceback, as_json=as_json)


@app.command()
def logs(
    job_id: JobId,
    attempt: Annotated[int | None, typer.Option(min=1, help="This attempt (default: the newest).")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the attempt is over.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what an attempt has said: its log, what it printed, and what its subprocesses printed.

    With --follow --json each line is a JSON object of its own.
    """
    job_id = full_job_id(job_id)
    if not follow:
        show_log(read_log(job_id, attempt), as_json=as_json)
        return
    for found in follow_log(job_id, attempt):
        show_new_lines(found, as_json=as_json)


@app.command()
def retry(
    job_ids: Annotated[list[str] | None, typer.Argument(help="Job ids; or choose jobs with --state.")] = None,
    state: Annotated[str | None, typer.Option(help="All jobs in this state: discarded or cancelled.")] = None,
    error_like: Annotated[str | None, typer.Option(metavar="TEXT", help="Only jobs whose error contains TEXT.")] = None,
    subdomain: OfSite = None,
    job_type: OfJobType = None,
    dry_run: DryRun = False,
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Retry dead letters, or cancelled jobs, with their exact arguments."""
    chosen = job_retry.choose(
        job_ids and full_job_ids(job_ids), state, error_like=error_like, subdomain=subdomain, job_type=job_type
    )
    retried, refused = job_retry.retry(chosen, strict=bool(job_ids), dry_run=dry_run)
    for reason in refused:
        output.warn(reason)
    if not retried:
        output.note("No job would be retried." if dry_run else "No job was retried.")
    finish(retried, wait=wait and not dry_run, as_json=as_json, as_list=True)


@app.command()
def cancel(job_ids: JobIds, as_json: AsJson = False) -> None:
    """Cancel jobs: waiting jobs at once; running jobs are asked to stop."""
    cancelled = cancel_jobs(full_job_ids(job_ids))
    said = {JobState.RUNNING: "was asked to stop"}
    lines = [f"{job['id']} {said.get(job['state'], job['state'])}" for job in cancelled]
    output.answer_one(cancelled, *lines, as_json=as_json)


@app.command()
def run_now(job_ids: JobIds, as_json: AsJson = False) -> None:
    """Run jobs now that wait for their time: enqueued for later, snoozed, or to be tried again."""
    jobs = run_jobs_now(full_job_ids(job_ids))
    output.answer_one(jobs, *(f"{job['id']} {job['state']}" for job in jobs), as_json=as_json)


@app.command()
def dismiss(
    job_ids: Annotated[list[str] | None, typer.Argument(help="Ids of dead letters.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every dead letter that is not dismissed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Dismiss dead letters: `health` counts them no more. `jobs retry` undoes it."""
    dismissed = dismiss_jobs(job_ids and full_job_ids(job_ids), everything=everything)
    if not dismissed:
        output.note("There is no dead letter to dismiss.")
    output.answer_one(dismissed, *(f"{job['id']} {job['note']}" for job in dismissed), as_json=as_json)
