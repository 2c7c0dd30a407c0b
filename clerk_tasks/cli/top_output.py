"""The tables of `top`."""

from __future__ import annotations

from typing import Any

from clerk_tasks.cli import cells, output
from clerk_tasks.cli.runs_output import unfinished_listing
from clerk_tasks.operations.wording import duration

_QUEUES = ("queue", "available", "waiting", "running", "held", "oldest", "per_minute")
_WORKERS = ("worker", "pools", "jobs", "job_type", "subdomain", "for", "note")
_CAUSES = ("job_type", "dead_letters", "to_be_retried", "last", "cause")


def parts(found: dict[str, Any]) -> tuple[str | output.Listing, ...]:
    """Return the tables of a screen, and a line above them."""
    rate = sum(queue["per_minute"] or 0 for queue in found["queues"])
    running = sum(worker["running"] for worker in found["workers"])
    line = (
        f"{cells.text(found['at'])}  {len(found['workers'])} workers, {running} jobs running, "
        f"{rate:.0f} ended a minute, {found['unfinished_runs']} runs under way"
    )
    return (
        line,
        "",
        output.Listing(found["queues"], _QUEUES, "No job is left."),
        "",
        output.Listing([row for worker in found["workers"] for row in _of_worker(worker)], _WORKERS, "No worker runs."),
        "",
        unfinished_listing(found["runs"]),
        "",
        output.Listing(found["failures"], _CAUSES, "Nothing failed in the last hour."),
    )


def _of_worker(worker: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each job of a worker, one if it has none."""
    busy = f"{worker['running']} of {worker['concurrency']}{', drains' if worker['draining'] else ''}"
    known = {"worker": worker["worker"], "pools": worker["pools"], "jobs": busy}
    rows = [
        {name: job[name] for name in ("job_type", "subdomain", "note")} | {"for": duration(job["seconds"])}
        for job in worker["jobs"]
    ] or [{}]
    return [known | rows[0], *({"worker": worker["worker"], **row} for row in rows[1:])]
