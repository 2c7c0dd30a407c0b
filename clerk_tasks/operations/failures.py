"""Failures by their cause: the same error of a job type is one row, whatever the numbers and names in it."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Any

from clerk.database.clock import database_time
from clerk.database.transactions import reading
from clerk_tasks.ledger.causes import fingerprint_of, general_form
from clerk_tasks.ledger.failed import Alike, failed_since
from clerk_tasks.operations.times import parse_duration


def failures(since: str = "24h") -> list[dict[str, Any]]:
    """Return the causes of failures in a duration up to now, the most frequent first.

    Each has `fingerprint` (of job type and cause; stable), `job_type`, `cause`, `dead_letters`, `to_be_retried`,
    `sites`, `first`, `last`, and of one example `error`, `job` and `subdomain`. UsageError for what is no duration.
    """
    span = timedelta(seconds=parse_duration(since))
    with reading() as connection:
        dead, retried = failed_since(connection, database_time(connection) - span)
    groups: dict[tuple[str, str], list[tuple[str, Alike]]] = defaultdict(list)
    for state, rows in (("dead_letters", dead), ("to_be_retried", retried)):
        for row in rows:
            groups[row.job_type, general_form(row.error, row.subdomain)].append((state, row))
    found = [_cause(job_type, cause, members) for (job_type, cause), members in groups.items()]
    return sorted(found, key=lambda cause: (-cause["dead_letters"] - cause["to_be_retried"], cause["fingerprint"]))


def _cause(job_type: str, cause: str, members: list[tuple[str, Alike]]) -> dict[str, Any]:
    rows = [row for _, row in members]
    example = max(rows, key=lambda row: row.last)
    return {
        "fingerprint": fingerprint_of(job_type, cause),
        "job_type": job_type,
        "cause": cause,
        "dead_letters": sum(row.number for state, row in members if state == "dead_letters"),
        "to_be_retried": sum(row.number for state, row in members if state == "to_be_retried"),
        "sites": sorted({row.subdomain for row in rows}),
        "first": min(row.first for row in rows),
        "last": example.last,
        "error": example.error,
        "job": example.newest,
        "subdomain": example.subdomain,
    }
