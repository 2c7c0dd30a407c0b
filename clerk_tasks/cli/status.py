"""`clerk-tasks status`: how the sites and their runs are doing."""

from __future__ import annotations

from clerk_tasks.cli import output
from clerk_tasks.cli.options import NO_SITES, AsJson, OfSite
from clerk_tasks.operations.listing import show_status


def command(
    subdomain: OfSite = None,
    as_json: AsJson = False,
) -> None:
    """Show each queue's backlog, and each site's last run with its stage, its jobs, its failures and its age.

    A site's age is the time since a run of it last completed. Owed are its documents that were not downloaded or read.
    """
    found = show_status(subdomain=subdomain)
    counts = {state: "too many to count" if count is None else count for state, count in found["jobs"].items()}
    jobs = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    queues = output.Listing(found["queues"], ("queue", "available", "waiting", "running", "oldest"), "No job is left.")
    rows = [site | {"age": _age(site["age"])} for site in found["sites"]]
    columns = (
        "subdomain",
        "last_run",
        "last_run_state",
        "stage",
        "total",
        "remaining",
        "failed",
        "discarded",
        "owed",
        "age",
    )
    sites = output.Listing(rows, columns, NO_SITES)
    output.answer_one(found, f"jobs: {jobs or 'none'}", "", queues, "", sites, as_json=as_json)


def _age(seconds: int | None) -> str:
    """Return a length of time as people say it: 42 s, 5 min, 3 h, 12 d."""
    if seconds is None:
        return "never"
    units = ((86400 * 2, 86400, "d"), (3600 * 2, 3600, "h"), (60 * 2, 60, "min"))
    return next((f"{seconds // size} {unit}" for least, size, unit in units if seconds >= least), f"{seconds} s")
