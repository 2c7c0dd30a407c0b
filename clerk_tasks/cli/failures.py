"""`clerk-tasks failures`: what failed, by cause."""

from __future__ import annotations

from typing import Annotated

import typer

from clerk_tasks.cli import output
from clerk_tasks.cli.cells import shortened
from clerk_tasks.cli.options import AsJson
from clerk_tasks.operations.failures import failures
from clerk_tasks.operations.short_ids import short_job_ids

COLUMNS = ("fingerprint", "job_type", "dead_letters", "to_be_retried", "sites", "last", "error", "job")
#: The most sites that a row of the table names.
_NAMED = 3


def command(
    since: Annotated[str, typer.Option(metavar="DURATION", help="How far back to look: 24h, 7d.")] = "24h",
    as_json: AsJson = False,
) -> None:
    """Show dead letters and jobs that will be tried again, one row per cause, with a job of each."""
    causes = failures(since)
    named = [cause | {"sites": _few(cause["sites"])} for cause in causes]
    rows = named if as_json else shortened(named, short_job_ids(cause["job"] for cause in causes), "job")
    table = output.Listing(rows, COLUMNS, f"Nothing failed in the last {since}.")
    output.answer_one(causes, table, as_json=as_json)


def _few(sites: list[str]) -> str:
    more = f" and {len(sites) - _NAMED} more" if len(sites) > _NAMED else ""
    return ", ".join(sites[:_NAMED]) + more
