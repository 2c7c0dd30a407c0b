"""How commands that enqueue end: print the jobs, or wait for them with progress and exit by their outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from clerk.database.transactions import reading
from clerk_tasks import waiting
from clerk_tasks.cli import output
from clerk_tasks.ledger import queries

#: The columns of a table of jobs.
COLUMNS = ("id", "job_type", "subdomain", "state", "attempt", "priority", "created_at", "error")


def finish(job_ids: Sequence[str], *, wait: bool, as_json: bool, as_list: bool = False) -> None:
    """Print the jobs that a command enqueued; with `wait`, once they have ended, and exit 1 if one failed.

    One job is a JSON object, several are an array, and so is one `as_list`.
    """
    if wait:
        jobs = waiting.wait_for(job_ids, output.note)
    else:
        with reading() as connection:
            jobs = queries.job_states(connection, job_ids)
    if as_json:
        output.print_json(jobs if as_list or len(jobs) != 1 else jobs[0])
    else:
        for job in jobs:
            output.print_line(describe(job) if wait else job["id"])
    if wait and not waiting.succeeded(jobs):
        raise typer.Exit(1)


def describe(job: dict[str, Any]) -> str:
    """Return one line about a job."""
    error = f": {job['error']}" if job["error"] else ""
    return f"{job['id']} {job['job_type']} {job['subdomain']} {job['state']}{error}"
