"""`clerk-tasks status`: how the sites and their runs are doing."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clerk_tasks.cli import output


def command(
    subdomain: Annotated[str | None, typer.Option("-s", "--subdomain", help="Only this site.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show each site's last run and unfinished work, and what waits in the queues."""
    from clerk.db import reading
    from clerk.ledger import queries
    from clerk.sites import require_site

    with reading() as connection:
        if subdomain is not None:
            require_site(connection, subdomain)
        found: dict[str, Any] = {
            "jobs": queries.count_states(connection, subdomain=subdomain),
            "queues": queries.backlog(connection),
            "sites": queries.site_status(connection, subdomain=subdomain),
        }
    if as_json:
        output.print_json(found)
        return
    output.print_line("jobs: " + ", ".join(f"{count} {state}" for state, count in found["jobs"].items() if count))
    output.print_line()
    output.print_table(found["queues"], ("queue", "available", "waiting", "running", "oldest"), empty="No work waits.")
    output.print_line()
    columns = ("subdomain", "status", "unfinished", "discarded", "last_run", "last_run_state", "finance_last_updated")
    output.print_table(found["sites"], columns, empty="No sites yet: add one with `clerk-tasks sites add`.")
