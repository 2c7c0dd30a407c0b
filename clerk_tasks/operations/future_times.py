"""Times that lie in the future although they were recorded: the clock was ahead. Find them, and mend them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, Connection, Delete, Update, delete, func, or_, select, update

from clerk.database.clock import CLOCK_MARGIN, now
from clerk.database.literals import constant, one_of
from clerk.database.states import JobState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import queues_table as queues
from clerk.database.tables import schedule_slots_table as slots
from clerk.database.tables import workers_table as workers
from clerk.jobs import LONGEST_TIME_LIMIT
from clerk_tasks.ledger.diagnosis import Damage

_LATER = now(CLOCK_MARGIN)
_WAITING = one_of(jobs.c.state, (JobState.SCHEDULED, JobState.RETRYABLE))
#: An attempt that began in the future, or a wait that is longer than any that may be asked for.
_AHEAD = or_(
    jobs.c.started_at > _LATER,
    jobs.c.created_at > _LATER,
    jobs.c.due_at > now(LONGEST_TIME_LIMIT + CLOCK_MARGIN),
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of time: where it is, when it is wrong, and what mends it."""

    column: Column[object]
    wrong: ColumnElement[bool]
    mend: Update | Delete
    remedy: str


_KINDS: Mapping[str, _Kind] = {
    "retries": _Kind(
        jobs.c.due_at,
        _WAITING & (jobs.c.due_at > _LATER) & _AHEAD,
        update(jobs).values(due_at=now()),
        "due now",
    ),
    "messages": _Kind(
        queues.c.published_at,
        queues.c.published_at > _LATER,
        update(queues).values(published_at=None),
        "forget them, so that others are published",
    ),
    "leases": _Kind(
        jobs.c.lease_until,
        # A lease lasts an hour at the most.
        (jobs.c.state == constant(JobState.RUNNING)) & (jobs.c.lease_until > now(2 * CLOCK_MARGIN)),
        update(jobs).values(lease_until=now(), deadline_at=now(jobs.c.time_limit)),
        "end them; a worker that still runs the job renews its own",
    ),
    "workers": _Kind(
        workers.c.seen_at,
        workers.c.seen_at > _LATER,
        update(workers).values(seen_at=now(-86400)),
        "forget when they were seen; those that run report again",
    ),
    "slots": _Kind(
        slots.c.due_at,
        slots.c.due_at > _LATER,
        delete(slots),
        "delete them; the schedules fire again then",
    ),
}


def find_future_times(connection: Connection) -> list[Damage]:
    """Return each kind of time that lies in the future, with how many there are."""
    found = []
    for name, kind in _KINDS.items():
        query = select(func.count(), func.max(kind.column)).where(kind.wrong)
        number, latest = connection.execute(query).one()
        if number:
            problem = f"{number} lie in the future, the last at {latest}: the clock was ahead"
            found.append(Damage("future", name, problem, kind.remedy))
    return found


def mend_future_times(connection: Connection, name: str) -> None:
    """Mend the times of one kind."""
    kind = _KINDS[name]
    connection.execute(kind.mend.where(kind.wrong))
