"""How commands that enqueue end: print the jobs, or wait for them with progress and exit by their outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from clerk_tasks import waiting
from clerk_tasks.cli import output
from clerk_tasks.cli.cells import shortened
from clerk_tasks.operations.listing import job_states
from clerk_tasks.operations.short_ids import short_job_ids

#: The columns of a table of jobs.
COLUMNS = ("id", "job_type", "subdomain", "state", "attempt", "priority", "created_at", "error")


def listing_of(jobs: Sequence[dict[str, Any]], *, empty: str = "No jobs.") -> output.Listing:
    """Return a table of jobs, with short ids."""
    return output.Listing(shortened(jobs, short_job_ids(job["id"] for job in jobs), "id"), COLUMNS, empty)


def finish(job_ids: Sequence[str], *, wait: bool, as_json: bool, as_list: bool = False) -> None:
    """Print the first of the jobs that a command enqueued, or every one `as_list`.

    With `wait`, print these jobs once they and their children have ended, the number of the children, and each child
    that did not complete; exit 1 if one job failed. As JSON every child is printed.
    One job is a JSON object, several are an array, and so is one `as_list`.
    """
    shown = job_ids if wait or as_list else job_ids[:1]
    jobs: list[dict[str, Any]] = []
    if wait:
        jobs = _waited(shown, again=as_list)
    elif as_json:
        jobs = job_states(shown)
    value = jobs[0] if len(jobs) == 1 and not as_list else jobs
    output.answer_one(value, *(_lines(jobs, shown) if wait else shown), as_json=as_json)
    if wait and not waiting.succeeded(jobs):
        raise typer.Exit(1)


def _waited(job_ids: Sequence[str], *, again: bool) -> list[dict[str, Any]]:
    """Wait, with a bar on a terminal and lines elsewhere."""
    if not output.shows_progress():
        return waiting.wait_for(job_ids, output.note, again=again)
    from clerk_tasks.cli.progress_bar import bar  # rich takes a third of a second, and only a terminal needs it

    with bar() as show:
        return waiting.wait_for(job_ids, output.note, again=again, show=show)


def _lines(jobs: Sequence[dict[str, Any]], named: Sequence[str]) -> list[str]:
    names = set(named)
    children = [job for job in jobs if job["id"] not in names]
    failed = [job for job in children if not waiting.succeeded([job])]
    lines = [describe(job) for job in jobs if job["id"] in names]
    if children:
        lines.append(f"{len(children)} further jobs of these runs, {len(failed)} of them failed")
    return [*lines, *map(describe, failed)]


def describe(job: dict[str, Any]) -> str:
    """Return one line about a job."""
    said = job["error"] or job["note"]
    return f"{job['id']} {job['job_type']} {job['subdomain']} {job['state']}{f': {said}' if said else ''}"
