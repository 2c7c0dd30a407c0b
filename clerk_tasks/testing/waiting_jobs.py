"""The jobs that wait in the ledger of a test, and how to take one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic_core import to_jsonable_python
from sqlalchemy import Connection, func, select, update

from clerk.database.clock import now, seconds_between
from clerk.database.held import HeldConnection
from clerk.database.literals import constant, one_of
from clerk.database.states import UNFINISHED, JobState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import limits_table as limits

#: The queue of the job that is being taken: an executor takes the first job of a queue.
ALONE = "alone"


def queues_with_work(held: HeldConnection) -> list[str]:
    """Return the queues that have available jobs."""
    query = select(jobs.c.queue).where(jobs.c.state == constant(JobState.AVAILABLE)).distinct()
    with held.statement() as connection:
        return sorted(connection.execute(query).scalars())


def seconds_to_next(held: HeldConnection) -> float | None:
    """Return how long it is until a job is due, or a rate may admit one; None if no job waits for a time."""
    due = select(func.min(seconds_between(now(), jobs.c.due_at))).where(
        one_of(jobs.c.state, (JobState.SCHEDULED, JobState.RETRYABLE)), jobs.c.due_at.is_not(None)
    )
    rate = select(func.min(limits.c.period)).where(
        limits.c.job_type.in_(select(jobs.c.job_type).where(jobs.c.state == constant(JobState.HELD)))
    )
    with held.statement() as connection:
        found = [connection.execute(query).scalar() for query in (due, rate)]
    return min((float(seconds) for seconds in found if seconds is not None), default=None)


def waiting_ids(connection: Connection, job_type: str | None, subdomain: str | None) -> list[str]:
    """Return the ids of the jobs that wait, oldest first."""
    query = select(jobs.c.id).where(one_of(jobs.c.state, tuple(UNFINISHED)), jobs.c.state != JobState.RUNNING)
    if job_type is not None:
        query = query.where(jobs.c.job_type == job_type)
    if subdomain is not None:
        query = query.where(jobs.c.subdomain == subdomain)
    return list(connection.execute(query.order_by(jobs.c.id)).scalars())


def described(held: HeldConnection) -> str:
    """Return the job types that wait, each with its queue and the note of one job."""
    query = select(jobs.c.job_type, jobs.c.queue, func.max(jobs.c.note).label("note"))
    query = query.where(jobs.c.state == constant(JobState.AVAILABLE)).group_by(jobs.c.job_type, jobs.c.queue)
    with held.statement() as connection:
        rows = connection.execute(query).all()
    return ", ".join(f"{row.job_type} in queue {row.queue} ({row.note or 'no worker takes it'})" for row in rows)


def as_recorded(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments as the ledger records them."""
    return {name: to_jsonable_python(value) for name, value in arguments.items()}


@contextmanager
def alone(held: HeldConnection, job_id: str) -> Iterator[str]:
    """Put a job into a queue of its own for the length of a with block."""
    with held.statement() as connection:
        queue = connection.execute(select(jobs.c.queue).where(jobs.c.id == job_id)).scalar_one()
        _move(connection, job_id, ALONE)
    try:
        yield ALONE
    finally:
        with held.statement() as connection:
            _move(connection, job_id, queue)


def _move(connection: Connection, job_id: str, queue: str) -> None:
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(queue=queue))
