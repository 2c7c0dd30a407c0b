"""`clerk-tasks status`: how the sites and their runs are doing."""

from __future__ import annotations

from typing import Any

from clerk_tasks.cli import cells, output
from clerk_tasks.cli.options import NO_SITES, AsJson, Limit, OfSite
from clerk_tasks.cli.runs_output import unfinished_listing
from clerk_tasks.operations.listing import show_status
from clerk_tasks.operations.short_ids import short_run_ids
from clerk_tasks.operations.wording import duration

_SITES = (
    *("subdomain", "last_run", "last_run_state", "stage", "total", "remaining"),
    *("failed", "discarded", "owed", "age"),
)


def command(
    subdomain: OfSite = None,
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """Show each queue's backlog, the runs that have not ended, and each site's last run.

    A run's end is estimated by the rate of its stage since that opened, and by what later stages took the last time. A
    site's age is the time since a run of it last completed. Owed are its documents that were not downloaded or read.
    """
    found = show_status(subdomain=subdomain, limit=limit or None)
    output.answer_one(found, *(() if as_json else _parts(found)), as_json=as_json)


def _parts(found: dict[str, Any]) -> tuple[str | output.Listing, ...]:
    counts = {state: "too many to count" if count is None else count for state, count in found["jobs"].items()}
    jobs = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    queues = output.Listing(
        found["queues"], ("queue", "available", "waiting", "running", "held", "oldest"), "No job is left."
    )
    shown, count = len(found["runs"]), found["unfinished_runs"]
    cut = (f"the newest {shown} of the {count} unfinished runs; --limit 0 shows all",) if shown < count else ()
    rows = [site | {"age": duration(site["age"])} for site in found["sites"]]
    short = short_run_ids(site["last_run"] for site in rows)
    sites = output.Listing(cells.shortened(rows, short, "last_run"), _SITES, NO_SITES)
    return (f"jobs: {jobs or 'none'}", "", queues, "", unfinished_listing(found["runs"]), *cut, "", sites)
