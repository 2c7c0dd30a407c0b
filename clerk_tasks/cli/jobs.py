"""`clerk-tasks jobs`: list, count and show jobs; retry, run, dismiss, cancel, move and reprioritise them."""

from __future__ import annotations

from typing import Annotated

import typer

from clerk.database.states import JobState
from clerk_tasks.cli import output
from clerk_tasks.cli.job_filter_options import (
    Everything,
    act_on_all,
    choose,
    describe_act,
    filtered,
    finish_act,
    leave_if_stopped,
)
from clerk_tasks.cli.jobs_output import finish, listing_of
from clerk_tasks.cli.log_output import show_log, show_new_lines
from clerk_tasks.cli.mount import on_demand
from clerk_tasks.cli.options import JOB_IDS, QUEUE_NAMES, AsJson, Before, DryRun, Limit, Reason, Wait
from clerk_tasks.operations import job_retry, listing
from clerk_tasks.operations.answers import of_jobs
from clerk_tasks.operations.bulk_acts import cancelling, dismissing, moving, retrying
from clerk_tasks.operations.cancel import cancel_jobs
from clerk_tasks.operations.dismissal import dismiss_jobs
from clerk_tasks.operations.job_filters import FilterTexts, JobFilter
from clerk_tasks.operations.job_logs import follow_log, read_log
from clerk_tasks.operations.job_type_list import list_job_types, signature_of
from clerk_tasks.operations.rerouting import Rerouting, reroute_jobs, to_priority, to_queue
from clerk_tasks.operations.run_now import run_jobs_now
from clerk_tasks.operations.short_ids import full_job_id, full_job_ids

app = typer.Typer(
    no_args_is_help=True, help="List, count, show, retry, run, dismiss, cancel, move and reprioritise jobs."
)

JobId = Annotated[str, typer.Argument(help="The job's id, or its beginning.", autocompletion=JOB_IDS)]
JobIds = Annotated[list[str], typer.Argument(help="Job ids, or their beginnings.", autocompletion=JOB_IDS)]
SomeJobs = Annotated[
    list[str] | None, typer.Argument(help="Job ids; or choose jobs by the options.", autocompletion=JOB_IDS)
]


@app.command("list")
@filtered
def list_(chosen: FilterTexts, before: Before = None, limit: Limit = 100, as_json: AsJson = False) -> None:
    """List jobs, newest first."""
    jobs = listing.list_jobs(before=before and full_job_id(before), limit=limit or None, **chosen)
    output.answer_one(jobs, *(() if as_json else (listing_of(jobs),)), as_json=as_json)


@app.command()
@filtered
def count(chosen: FilterTexts, as_json: AsJson = False) -> None:
    """Count the jobs that match, up to 10 000; more are 10 001."""
    found = listing.count_jobs(**chosen)
    output.answer_one(found, of_jobs(found["number"], listing.MOST_MATCHING, found["filter"]), as_json=as_json)


@app.command()
def types(as_json: AsJson = False) -> None:
    """List the job types, with their arguments; `enqueue JOB_TYPE --help` explains these."""
    found = list_job_types()
    rows = [each | {"arguments": signature_of(each)} for each in found]
    columns = ("job_type", "queue", "plugin", "arguments", "summary")
    output.answer_one(found, *(() if as_json else (output.Listing(rows, columns, whole=True),)), as_json=as_json)


@app.command()
def show(job_id: JobId, as_json: AsJson = False) -> None:
    """Show one job: its arguments, its result, every attempt, and the last traceback."""
    job = listing.show_job(full_job_id(job_id))
    columns = ("attempt", "outcome", "worker", "pid", "started_at", "finished_at", "error")
    attempts = output.Listing(job["attempts"], columns, "No attempt yet.")
    lines = listing.last_traceback(job)
    traceback = ("", *(f"  {line}" for line in lines)) if lines else ()  # what strangers wrote begins no line
    output.answer_one(job, output.fields(job | {"attempts": None}), "", attempts, *traceback, as_json=as_json)


@app.command("run", cls=on_demand("jobs_run"))
def run() -> None:
    """Run a job in this terminal, with its traceback, without a worker."""


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
@filtered
def retry(
    chosen: FilterTexts,
    job_ids: SomeJobs = None,
    everything: Everything = False,
    reason: Reason = None,
    dry_run: DryRun = False,
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Retry dead letters, or with --state cancelled cancelled jobs, with their exact arguments."""
    by_filter = choose(job_ids, chosen, everything=everything)
    if by_filter is None:
        retried = job_retry.retry(full_job_ids(job_ids or ()), reason=reason, dry_run=dry_run)
        finish(retried, wait=wait and not dry_run, as_json=as_json, as_list=True)
        return
    act = retrying()
    result = act_on_all(act, by_filter, reason=reason, everything=everything, dry_run=dry_run)
    output.note(describe_act(act, result))
    finish(result.job_ids, wait=wait and not dry_run, as_json=as_json, as_list=True)
    leave_if_stopped(result)


@app.command()
@filtered
def cancel(
    chosen: FilterTexts,
    job_ids: SomeJobs = None,
    everything: Everything = False,
    reason: Reason = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Cancel jobs: waiting jobs at once; running jobs are asked to stop."""
    by_filter = choose(job_ids, chosen, everything=everything)
    if by_filter is None:
        cancelled = cancel_jobs(full_job_ids(job_ids or ()), reason=reason, dry_run=dry_run)
        said = {JobState.RUNNING: "was asked to stop"}
        lines = [f"{job['id']} {said.get(job['state'], job['state'])}" for job in cancelled]
        output.answer_one(cancelled, *lines, as_json=as_json)
        return
    act = cancelling(reason)
    finish_act(act, act_on_all(act, by_filter, reason=reason, everything=everything, dry_run=dry_run), as_json=as_json)


@app.command()
def run_now(job_ids: JobIds, reason: Reason = None, as_json: AsJson = False) -> None:
    """Run jobs now that wait for their time: enqueued for later, snoozed, or to be tried again."""
    jobs = run_jobs_now(full_job_ids(job_ids), reason=reason)
    output.answer_one(jobs, *(f"{job['id']} {job['state']}" for job in jobs), as_json=as_json)


@app.command()
@filtered
def dismiss(
    chosen: FilterTexts,
    job_ids: SomeJobs = None,
    everything: Everything = False,
    reason: Reason = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Dismiss dead letters: `health` counts them no more. `jobs retry` undoes it."""
    by_filter = choose(job_ids, chosen, everything=everything)
    if by_filter is None:
        dismissed = dismiss_jobs(full_job_ids(job_ids or ()), reason=reason, dry_run=dry_run)
        output.answer_one(dismissed, *(f"{job['id']} {job['note']}" for job in dismissed), as_json=as_json)
        return
    act = dismissing(reason)
    finish_act(act, act_on_all(act, by_filter, reason=reason, everything=everything, dry_run=dry_run), as_json=as_json)


@app.command()
@filtered
def move(
    chosen: FilterTexts,
    to: Annotated[str, typer.Option(metavar="QUEUE", help="The queue to move them to.", autocompletion=QUEUE_NAMES)],
    job_ids: SomeJobs = None,
    everything: Everything = False,
    reason: Reason = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Move waiting jobs to another queue."""
    by_filter = choose(job_ids, chosen, everything=everything)
    _reroute(job_ids, by_filter, to_queue(to), reason, everything=everything, dry_run=dry_run, as_json=as_json)


@app.command()
@filtered
def reprioritise(
    chosen: FilterTexts,
    priority: Annotated[str, typer.Option(help="high, normal or low; or its number: 0, 1 or 2.")],
    job_ids: SomeJobs = None,
    everything: Everything = False,
    reason: Reason = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Give waiting jobs another priority."""
    by_filter = choose(job_ids, chosen, everything=everything)
    _reroute(job_ids, by_filter, to_priority(priority), reason, everything=everything, dry_run=dry_run, as_json=as_json)


def _reroute(
    job_ids: list[str] | None,
    by_filter: JobFilter | None,
    rerouting: Rerouting,
    reason: str | None,
    *,
    everything: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    if by_filter is None:
        jobs = reroute_jobs(full_job_ids(job_ids or ()), rerouting, reason=reason, dry_run=dry_run)
        lines = [f"{job['id']} {job['queue']} {job['priority']}" for job in jobs]
        output.answer_one(jobs, *lines, as_json=as_json)
        return
    act = moving(rerouting)
    finish_act(act, act_on_all(act, by_filter, reason=reason, everything=everything, dry_run=dry_run), as_json=as_json)
