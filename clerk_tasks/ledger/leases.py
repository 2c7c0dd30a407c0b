"""Who owns a running job, and until when: renewal by the owner, the end of a lost attempt, the workers themselves."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Float, bindparam, case, func, insert, select, update

from clerk.database.clock import now
from clerk.database.literals import constant
from clerk.database.states import JobState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import workers_table as workers
from clerk_tasks.ledger.attempts import fail, stop
from clerk_tasks.ledger.claims import CLAIMED, Claim
from clerk_tasks.ledger.insert import Message

_RUNNING = jobs.c.state == constant(JobState.RUNNING)
_OF_INSTANCE = select(
    *CLAIMED,
    jobs.c.time_limit,
    (jobs.c.deadline_at <= now()).label("past_time_limit"),
    (jobs.c.cancel_requested_at <= now(-bindparam("b_grace", type_=Float))).label("ignores_cancel"),
).where(_RUNNING, jobs.c.instance == bindparam("b_instance"))
_OF_PROCESS = select(*CLAIMED).where(
    _RUNNING, jobs.c.instance == bindparam("b_instance"), jobs.c.pid == bindparam("b_pid")
)
_RENEW = (
    update(jobs)
    .where(
        jobs.c.id.in_(
            select(jobs.c.id)
            .where(
                jobs.c.id.in_(bindparam("b_ids", expanding=True)),
                _RUNNING,
                jobs.c.instance == bindparam("b_instance"),
                jobs.c.deadline_at > now(),
            )
            # A job that is being finished, or holds its own row, must not keep the others from being renewed.
            .with_for_update(skip_locked=True)
        )
    )
    .values(
        lease_until=case(
            (jobs.c.deadline_at < now(bindparam("b_lease")), jobs.c.deadline_at), else_=now(bindparam("b_lease"))
        )
    )
)
_EXPIRED = (
    select(*CLAIMED, jobs.c.lease_until)
    .where(_RUNNING, jobs.c.lease_until <= now())
    .order_by(jobs.c.lease_until)
    .limit(1000)
)
_STILL_EXPIRED = (
    select(jobs.c.cancel_requested_at)
    .where(
        _RUNNING,
        jobs.c.id == bindparam("b_id"),
        jobs.c.attempt == bindparam("b_attempt"),
        jobs.c.lease_until == bindparam("b_lease_until", type_=jobs.c.lease_until.type),
        jobs.c.lease_until <= now(),
    )
    # The holder of the row is at work on it: a pass must not wait for that.
    .with_for_update(skip_locked=True)
)
_CANCEL_REQUESTED = (
    select(jobs.c.cancel_requested_at)
    .where(_RUNNING, jobs.c.id == bindparam("b_id"), jobs.c.attempt == bindparam("b_attempt"))
    .with_for_update()
)
_SEEN = update(workers).where(workers.c.instance == bindparam("b_instance")).values(seen_at=now())
_HEARTBEAT = _SEEN.returning(workers.c.drain_requested_at, workers.c.drain_timeout)


@dataclass(frozen=True, slots=True)
class Running:
    """A job that a worker start owns, and the two reasons there may be to kill its process."""

    claim: Claim
    time_limit: float  # seconds
    past_time_limit: bool
    ignores_cancel: bool  # asked to cancel a while ago, and still running


@dataclass(frozen=True, slots=True)
class Expired:
    """A running job whose lease has ended."""

    claim: Claim
    lease_until: datetime


def running_of(connection: Connection, instance: str, *, cancel_grace: float) -> list[Running]:
    """Return the jobs that a worker start owns; one may take `cancel_grace` seconds to notice a cancel."""
    rows = connection.execute(_OF_INSTANCE, {"b_instance": instance, "b_grace": cancel_grace})
    return [
        Running(Claim._make(row[:-3]), row.time_limit, bool(row.past_time_limit), bool(row.ignores_cancel))
        for row in rows
    ]


def running_in(connection: Connection, instance: str, pid: int) -> list[Claim]:
    """Return the jobs that one process is recorded to own."""
    return [Claim._make(row) for row in connection.execute(_OF_PROCESS, {"b_instance": instance, "b_pid": pid})]


def renew(connection: Connection, instance: str, job_ids: Collection[str], *, lease: float) -> None:
    """Extend the leases of jobs of a worker start by `lease` seconds from now, never past the time limit."""
    if job_ids:
        connection.execute(_RENEW, {"b_instance": instance, "b_ids": list(job_ids), "b_lease": lease})


def expired(connection: Connection) -> list[Expired]:
    """Return running jobs whose lease has expired, of any owner; at most 1 000."""
    return [Expired(Claim._make(row[:-1]), row.lease_until) for row in connection.execute(_EXPIRED)]


def still_expired(connection: Connection, seen: Expired) -> bool:
    """Return whether the very lease that was seen is still the last word, and lock the row if so.

    A row that another transaction has locked is left for the next pass.
    """
    values = {"b_id": seen.claim.job_id, "b_attempt": seen.claim.attempt, "b_lease_until": seen.lease_until}
    return connection.execute(_STILL_EXPIRED, values).first() is not None


def lost(connection: Connection, claim: Claim, reason: str) -> list[Message]:
    """End an attempt whose process is gone or was killed: cancelled if that was asked for, else retried or discarded.

    The first loss is retried at once, since it is rarely the job's own fault; later ones wait by the backoff.
    """
    row = connection.execute(_CANCEL_REQUESTED, {"b_id": claim.job_id, "b_attempt": claim.attempt}).first()
    if row is None:
        return []
    if row.cancel_requested_at is not None:
        return stop(connection, claim, reason)
    return fail(connection, claim, reason, outcome="lost", delay=0.0 if claim.attempt == 1 else None)[1]


def register_worker(connection: Connection, **facts: Any) -> None:
    """Record a worker start: instance, hostname, pid, version, queues, job_types, concurrency."""
    connection.execute(insert(workers).values(started_at=now(), seen_at=now()), facts)


class Heartbeat(NamedTuple):
    """What the ledger answers to a heartbeat."""

    draining: bool  # the worker was asked to finish what it runs and end
    drain_timeout: float | None  # seconds


def worker_seen(connection: Connection, instance: str) -> Heartbeat | None:
    """Record that a worker start is alive; None if it is not registered here: this is a database of before."""
    row = connection.execute(_HEARTBEAT, {"b_instance": instance}).first()
    return None if row is None else Heartbeat(row.drain_requested_at is not None, row.drain_timeout)


def request_drain(connection: Connection, instances: Sequence[str], *, timeout: float | None) -> list[str]:
    """Ask worker starts to finish what they run, in `timeout` seconds at most, and end; return those asked now.

    One that was asked before keeps that.
    """
    asked = (
        update(workers)
        .where(
            workers.c.instance.in_(instances), workers.c.stopped_at.is_(None), workers.c.drain_requested_at.is_(None)
        )
        .values(drain_requested_at=now(), drain_timeout=timeout)
        .returning(workers.c.instance)
    )
    return list(connection.execute(asked).scalars())


def was_drained(connection: Connection, hostname: str, pid: int) -> bool:
    """Return whether the newest worker start of a process was asked to end."""
    newest = (
        select(workers.c.drain_requested_at)
        .where(workers.c.hostname == hostname, workers.c.pid == pid)
        .order_by(workers.c.started_at.desc())
        .limit(1)
    )
    return connection.execute(newest).scalar() is not None


def worker_stopped(connection: Connection, instance: str) -> None:
    """Record that a worker start has ended in good order."""
    connection.execute(_SEEN.values(stopped_at=now()), {"b_instance": instance})


def live_workers(connection: Connection, *, within: float) -> Sequence[Any]:
    """Return the rows of the workers that were seen in the last `within` seconds and have not stopped.

    A row that cannot be read is left out.
    """
    rows = connection.execute(select(workers).where(workers.c.stopped_at.is_(None), workers.c.seen_at > now(-within)))
    return [row for row in rows if isinstance(row.queues, list) and isinstance(row.job_types, list) and row.seen_at]


def running_by_instance(connection: Connection) -> dict[str, int]:
    """Return {worker start: number of jobs that it runs}."""
    running = select(jobs.c.instance, func.count().label("number")).where(_RUNNING).group_by(jobs.c.instance)
    return {row.instance: row.number for row in connection.execute(running)}
