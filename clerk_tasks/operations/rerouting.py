"""Give named jobs that wait another queue or another priority, and publish those that may run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clerk.acts import named, record_act
from clerk.database.transactions import reading, transaction
from clerk.errors import UsageError
from clerk.jobs import Priority
from clerk_tasks.dispatcher import publish
from clerk_tasks.ledger import queries
from clerk_tasks.ledger.rerouting import Rerouting, reroute_all
from clerk_tasks.operations.bulk_acts import moving
from clerk_tasks.operations.job_filters import check_queue
from clerk_tasks.recording import parse_priority

__all__ = ["Rerouting", "reroute_jobs", "to_priority", "to_queue"]


def to_queue(name: str) -> Rerouting:
    """Return what moves jobs to a queue; NotFoundError if no pool serves it and no job is in it."""
    with reading() as connection:
        check_queue(connection, name)
    return Rerouting(queue=name)


def to_priority(text: str) -> Rerouting:
    """Return what gives jobs a priority: its name or its number; UsageError for another one."""
    if text.isdecimal():
        try:
            return Rerouting(priority=Priority(int(text)))
        except ValueError:
            known = ", ".join(f"{priority.value} ({priority.name.lower()})" for priority in Priority)
            raise UsageError(f"Unknown priority {text}; use one of {known}.") from None
    return Rerouting(priority=parse_priority(text))


def reroute_jobs(
    job_ids: Sequence[str], rerouting: Rerouting, *, reason: str | None = None, dry_run: bool = False
) -> list[dict[str, Any]]:
    """Reroute jobs, all or none, publish them, and return them; with `dry_run`, nothing is changed in the end.

    Raises NotFoundError for an unknown job, ConflictError for one that does not wait.
    """
    ids = sorted(set(job_ids))
    act = moving(rerouting)
    with transaction() as connection:
        messages = reroute_all(connection, ids, rerouting)
        record_act(connection, act.name, named("job", ids) + act.suffix, number=len(ids), reason=reason)
        states = queries.job_states(connection, ids)
        if dry_run:
            connection.rollback()
            return states
    publish(messages)
    return states
