"""Which jobs should be published, or published again: the jobs table is the outbox."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, case, func, select, update

from clerk.database.clock import now
from clerk.database.literals import constant, one_of
from clerk.database.states import JobState
from clerk.database.tables import jobs_table as jobs
from clerk_tasks.ledger.insert import PUBLISH_DELAY, Message

#: The longest pause between two messages of one job, in seconds.
LONGEST_PUBLISH_DELAY = 600.0
#: How many jobs one pass takes at a time, so that no transaction gets long.
PASS = 1000

_MESSAGE = (jobs.c.id, jobs.c.job_type, jobs.c.queue, jobs.c.priority)
_AVAILABLE = jobs.c.state == constant(JobState.AVAILABLE)
_DUE = (
    select(jobs.c.id)
    .where(one_of(jobs.c.state, (JobState.SCHEDULED, JobState.RETRYABLE)), jobs.c.due_at <= now())
    .order_by(jobs.c.due_at)
    .limit(PASS)
    .with_for_update(skip_locked=True)
)
_PROMOTE = (
    update(jobs)
    .where(jobs.c.id.in_(_DUE.scalar_subquery()))
    .values(state=constant(JobState.AVAILABLE), publish_at=now(PUBLISH_DELAY), publish_delay=PUBLISH_DELAY)
    .returning(*_MESSAGE)
)
_QUEUES = select(jobs.c.queue).where(_AVAILABLE, jobs.c.publish_at <= now()).distinct()
_WAITING = select(func.count()).where(_AVAILABLE, jobs.c.queue == bindparam("b_queue"))
_OVERDUE = (
    select(jobs.c.id)
    .where(_AVAILABLE, jobs.c.queue == bindparam("b_queue"), jobs.c.publish_at <= now())
    .order_by(jobs.c.publish_at)
    .limit(bindparam("b_limit"))
    .with_for_update(skip_locked=True)
)
_DOUBLED = case(
    (jobs.c.publish_delay * 2 > LONGEST_PUBLISH_DELAY, LONGEST_PUBLISH_DELAY), else_=jobs.c.publish_delay * 2
)
_REPUBLISH = (
    update(jobs)
    .where(jobs.c.id.in_(_OVERDUE.scalar_subquery()))
    .values(publish_at=now(_DOUBLED), publish_delay=_DOUBLED)
    .returning(*_MESSAGE)
)
_REPUBLISH_NOW = (
    update(jobs)
    .where(
        jobs.c.id.in_(
            select(jobs.c.id)
            .where(jobs.c.id.in_(bindparam("b_ids", expanding=True)), _AVAILABLE)
            .with_for_update(skip_locked=True)
        )
    )
    .values(publish_at=now(), publish_delay=PUBLISH_DELAY)
)
_SOON = (
    update(jobs)
    .where(
        jobs.c.id.in_(
            select(jobs.c.id)
            .where(_AVAILABLE, jobs.c.queue.in_(bindparam("b_queues", expanding=True)), jobs.c.publish_at > now())
            .with_for_update(skip_locked=True)
        )
    )
    .values(publish_at=now(), publish_delay=PUBLISH_DELAY)
)
_LATER = (
    update(jobs)
    .where(jobs.c.id == bindparam("b_id"), _AVAILABLE)
    .values(publish_at=now(bindparam("b_delay")), note=bindparam("b_note"))
)


def promote_due(connection: Connection) -> list[Message]:
    """Make scheduled and retryable jobs available whose time has come; return the messages to publish, at most PASS."""
    return [Message._make(row) for row in connection.execute(_PROMOTE)]


def overdue_queues(connection: Connection) -> list[str]:
    """Return the queues that hold an available job which should have been claimed by now."""
    return list(connection.execute(_QUEUES).scalars())


def take_overdue(connection: Connection, queue: str, *, depth: int) -> list[Message]:
    """Return jobs of a queue to publish again, and double their delay; none while `depth` messages cover them all.

    `depth` is how many messages are ready in the broker: with as many messages as available jobs, nothing is lost.
    """
    missing = connection.execute(_WAITING, {"b_queue": queue}).scalar_one() - depth
    if missing <= 0:
        return []
    rows = connection.execute(_REPUBLISH, {"b_queue": queue, "b_limit": min(missing, PASS)})
    return [Message._make(row) for row in rows]


def republish_now(connection: Connection, job_ids: Sequence[str]) -> None:
    """Leave jobs to the next relay pass, since they could not be published."""
    for start in range(0, len(job_ids), PASS):
        connection.execute(_REPUBLISH_NOW, {"b_ids": job_ids[start : start + PASS]})


def republish_soon(connection: Connection, queues: Sequence[str]) -> None:
    """Make the next relay pass check these queues for missing messages, however recently they were sent."""
    connection.execute(_SOON, {"b_queues": queues})


def republish_later(connection: Connection, job_id: str, note: str, *, delay: float) -> None:
    """Publish an available job again in `delay` seconds, and say why it waits."""
    connection.execute(_LATER, {"b_id": job_id, "b_delay": delay, "b_note": note})
