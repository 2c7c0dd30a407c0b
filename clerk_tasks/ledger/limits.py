"""Limits: how many jobs of a key run at once, and how many begin in a period, over all workers.

A job with a limit key is held when it becomes due. `admit` makes as many of a key available as the limit leaves room
for, so what is available may be claimed by anyone at any time, and the claim knows nothing of limits: a burst of jobs
with a limit holds up no other job.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Float, bindparam, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from clerk.database.clock import now
from clerk.database.literals import constant, one_of
from clerk.database.states import ADMITTED, JobState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import limits_table as limits
from clerk.database.transactions import serialise
from clerk.jobs import Limit, parse_rate
from clerk.pauses import Paused
from clerk_tasks.ledger.insert import Message
from clerk_tasks.ledger.paused import is_paused
from clerk_tasks.ledger.turns import made_available

#: How many jobs are admitted at once at most.
PASS = 1000
#: Where a limit comes from; an operator's goes before the plugin's.
PLUGIN, OPERATOR = "plugin", "operator"

_OF_KEY = jobs.c.limit_key == bindparam("b_key")
_HAS_KEY = (jobs.c.limit_key.is_not(None), one_of(jobs.c.state, ADMITTED))
_STARTED = select(func.count()).where(
    _OF_KEY, jobs.c.limit_key.is_not(None), jobs.c.started_at > now(-bindparam("b_period", type_=Float))
)
_EFFECTIVE = select(limits.c.concurrency, limits.c.rate, limits.c.period).where(
    limits.c.job_type == bindparam("b_type")
)
_HELD_KEYS = select(jobs.c.limit_key).where(jobs.c.state == constant(JobState.HELD)).distinct()


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a limit allows: jobs at once, and jobs that begin in `period` seconds; None is any number."""

    concurrency: int | None
    rate: int | None
    period: float | None

    @classmethod
    def of(cls, limit: Limit) -> Numbers:
        """Return those of a plugin's limit."""
        rate, period = parse_rate(limit.rate) if limit.rate else (None, None)
        return cls(limit.concurrency, rate, period)


def register(connection: Connection, given: Mapping[str, Limit | None]) -> None:
    """Note the limits of the plugins' job types; None means a job type without one."""
    without = sorted(name for name, limit in given.items() if limit is None)
    connection.execute(delete(limits).where(limits.c.source == PLUGIN, limits.c.job_type.in_(without)))
    for name, limit in sorted(given.items()):
        if limit is not None:
            put(connection, name, Numbers.of(limit), source=PLUGIN)


def put(
    connection: Connection,
    job_type: str,
    numbers: Numbers,
    *,
    source: str,
    by: str | None = None,
    reason: str | None = None,
    replace: bool = True,
) -> None:
    """Set the limit of a job type; without `replace`, only if that source has none."""
    dialect = {"sqlite": sqlite, "postgresql": postgresql}[connection.dialect.name]
    values: dict[str, Any] = {"concurrency": numbers.concurrency, "rate": numbers.rate, "period": numbers.period}
    values |= {"by": by, "reason": reason}
    insert = dialect.insert(limits).values(job_type=job_type, source=source, since=now(), **values)
    changed = or_(*(limits.c[name].is_distinct_from(value) for name, value in values.items()))
    key = [limits.c.job_type, limits.c.source]
    newer = insert.on_conflict_do_update(index_elements=key, set_=values | {"since": now()}, where=changed)
    connection.execute(newer if replace else insert.on_conflict_do_nothing(index_elements=key))


def note_missing(connection: Connection, given: Mapping[str, Limit]) -> None:
    """Note the limits of job types that no worker has noted yet."""
    for name, limit in sorted(given.items()):
        put(connection, name, Numbers.of(limit), source=PLUGIN, replace=False)


def take_off(connection: Connection, job_type: str) -> bool:
    """Delete an operator's limit of a job type; return whether there was one."""
    of_operator = (limits.c.job_type == job_type, limits.c.source == OPERATOR)
    return connection.execute(delete(limits).where(*of_operator)).rowcount > 0


def held_keys(connection: Connection) -> list[str]:
    """Return the keys that have held jobs."""
    return sorted(connection.execute(_HELD_KEYS).scalars())


def admit(connection: Connection, key: str, paused: Paused) -> list[Message]:
    """Make as many held jobs of a key available as its limit leaves room for; return the messages to publish.

    What is paused has no place: it is held again.
    """
    serialise(connection, f"limit {key}")
    # Rows that another transaction has locked are as they are: claimed, cancelled, or next time's.
    if (held := is_paused(paused)) is not None:
        ready = select(jobs.c.id).where(_OF_KEY, jobs.c.state == constant(JobState.AVAILABLE), *_HAS_KEY, held)
        back = update(jobs).where(jobs.c.id.in_(ready.with_for_update(skip_locked=True).scalar_subquery()))
        connection.execute(back.values(state=constant(JobState.HELD)), {"b_key": key})
    room = _room(connection, key)
    if room <= 0:
        return []
    waiting = select(jobs.c.id).where(_OF_KEY, jobs.c.state == constant(JobState.HELD))
    if held is not None:
        waiting = waiting.where(~held)
    chosen = waiting.order_by(jobs.c.priority, jobs.c.turn, jobs.c.id).limit(room).with_for_update(skip_locked=True)
    admitted = made_available(chosen, {}, admitted=True)
    columns = (jobs.c.id, jobs.c.job_type, jobs.c.queue, jobs.c.priority)
    return [Message._make(row) for row in connection.execute(admitted.returning(*columns), {"b_key": key})]


def _room(connection: Connection, key: str) -> int:
    """Return how many jobs of a key may become available now, at most PASS."""
    numbers = effective(connection, key.partition(":")[0])
    room = PASS
    if numbers.concurrency is not None:
        admitted = select(func.count()).where(_OF_KEY, *_HAS_KEY)
        room = min(room, numbers.concurrency - connection.execute(admitted, {"b_key": key}).scalar_one())
    if numbers.rate is not None:
        ready = select(func.count()).where(_OF_KEY, jobs.c.state == constant(JobState.AVAILABLE), *_HAS_KEY)
        begun = connection.execute(_STARTED, {"b_key": key, "b_period": numbers.period}).scalar_one()
        room = min(room, numbers.rate - begun - connection.execute(ready, {"b_key": key}).scalar_one())
    return room


def effective(connection: Connection, job_type: str) -> Numbers:
    """Return the limit that holds for a job type."""
    operators_first = _EFFECTIVE.order_by(limits.c.source).limit(1)
    row = connection.execute(operators_first, {"b_type": job_type}).first()
    return Numbers(None, None, None) if row is None else Numbers(*row)
