"""`clerk-tasks status`: how the sites and their runs are doing."""

from __future__ import annotations

from typing import Any

from clerk.database.transactions import reading
from clerk_tasks.cli import output
from clerk_tasks.cli.options import AsJson, OfSite
from clerk_tasks.ledger import queries
from clerk_tasks.ledger.site_status import site_status
from clerk_tasks.operations.known import check_filters


def command(
    subdomain: OfSite = None,
    as_json: AsJson = False,
) -> None:
    """Show what waits in the queues, and each site's last run: its stage, its jobs, its failures; and its age.

    A site's age is the time since a run of it last completed.
    """
    with reading() as connection:
        check_filters(connection, subdomain=subdomain)
        found: dict[str, Any] = {
            "jobs": queries.count_states(connection, subdomain=subdomain),
            "queues": queries.backlog(connection),
            "sites": site_status(connection, subdomain=subdomain),
        }
    if as_json:
        output.print_json(found)
        return
    output.print_line("jobs: " + ", ".join(f"{count} {state}" for state, count in found["jobs"].items() if count))
    output.print_line()
    output.print_table(found["queues"], ("queue", "available", "waiting", "running", "oldest"), empty="No work waits.")
    output.print_line()
    rows = [site | {"age": _age(site["age"])} for site in found["sites"]]
    columns = ("subdomain", "last_run", "last_run_state", "stage", "total", "remaining", "failed", "discarded", "age")
    output.print_table(rows, columns, empty="No sites yet: add one with `clerk-tasks sites add`.")


def _age(seconds: int | None) -> str:
    """Return a length of time as people say it: 42 s, 5 min, 3 h, 12 d."""
    if seconds is None:
        return "never"
    units = ((86400 * 2, 86400, "d"), (3600 * 2, 3600, "h"), (60 * 2, 60, "min"))
    return next((f"{seconds // size} {unit}" for least, size, unit in units if seconds >= least), f"{seconds} s")
