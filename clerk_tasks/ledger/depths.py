"""How much waits, runs and is late just now: read by the indexes of what has not ended, however much has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, case, func, select, true

from clerk.database.clock import CLOCK_MARGIN, now, seconds_between
from clerk.database.literals import constant, is_in, one_of
from clerk.database.states import LATER, UNCOMPLETED, JobState, RunState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import runs_table as runs
from clerk.database.tables import schedule_slots_table as slots
from clerk.pauses import Paused
from clerk_tasks.ledger.interventions import UNDISMISSED
from clerk_tasks.ledger.paused import not_held


def available(connection: Connection, paused: Paused) -> Sequence[Row[Any]]:
    """Return, by queue and priority, the `number` of available jobs, and the `age` of the oldest that no pause holds.

    The age is in seconds since it was due; None if all are held.
    """
    waited = case((and_(true(), *not_held(paused)), seconds_between(jobs.c.due_at, now())))
    columns = (jobs.c.queue, jobs.c.priority, func.count().label("number"), func.max(waited).label("age"))
    query = select(*columns).where(jobs.c.state == constant(JobState.AVAILABLE))
    return connection.execute(query.group_by(jobs.c.queue, jobs.c.priority)).all()


def unfinished(connection: Connection) -> dict[tuple[str, str], int]:
    """Return {(state, queue): number of jobs} of the states that are no end; without zeros."""
    found: dict[tuple[str, str], int] = {}
    for states in ((JobState.AVAILABLE,), (JobState.RUNNING,), LATER):  # each by its own index
        query = select(jobs.c.state, jobs.c.queue, func.count()).where(one_of(jobs.c.state, states))
        rows = connection.execute(query.group_by(jobs.c.state, jobs.c.queue))
        found |= {(row[0], row[1]): row[2] for row in rows}
    return found


def expired_leases(connection: Connection) -> int:
    """Return how many jobs are recorded as running whose lease is over: their worker is gone, or stopped."""
    query = select(func.count()).where(jobs.c.state == constant(JobState.RUNNING), jobs.c.lease_until < now())
    return connection.execute(query).scalar_one()


def recent_dead_letters(connection: Connection) -> dict[str, int]:
    """Return {queue: number of dead letters of the last day that are not dismissed}, as `health` counts them."""
    recently = jobs.c.finished_at.between(now(-86400), now(CLOCK_MARGIN))
    query = select(jobs.c.queue, func.count()).where(*UNDISMISSED, recently).group_by(jobs.c.queue)
    return {row[0]: row[1] for row in connection.execute(query)}


def running_runs(connection: Connection) -> dict[str, int]:
    """Return {pipeline: number of runs that have not ended}; the pipeline of a lone job's run is its job type."""
    query = select(runs.c.pipeline, func.count()).where(is_in(runs.c.state, RunState.RUNNING, UNCOMPLETED))
    return {row[0]: row[1] for row in connection.execute(query.group_by(runs.c.pipeline))}


def last_slot(connection: Connection, schedule: str) -> float | None:
    """Return when the newest slot of a schedule fell due, in Unix seconds; None without a slot."""
    query = select(slots.c.due_at).where(slots.c.schedule == schedule, slots.c.due_at <= now())
    moment = connection.execute(query.order_by(slots.c.due_at.desc()).limit(1)).scalar()
    return None if moment is None else moment.timestamp()
