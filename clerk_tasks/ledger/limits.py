"""Limits: how many jobs of a key run at once, and how many begin in a period, over all workers.

A job with a limit key is held when it becomes due. `admit` makes as many of a key available as the limit leaves room
for, so what is available may be claimed by anyone at any time, and the claim knows nothing of limits: a burst of jobs
with a limit holds up no other job.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Float,
    Integer,
    ScalarSelect,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Update

from clerk.database.clock import now
from clerk.database.literals import constant, one_of
from clerk.database.states import ADMITTED, JobState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import limits_table as limits
from clerk.database.transactions import lock_of
from clerk.jobs import Limit, parse_rate
from clerk.pauses import Paused
from clerk_tasks.ledger.compiled import Compiled
from clerk_tasks.ledger.insert import MESSAGE_COLUMNS, Message
from clerk_tasks.ledger.operator_limits import OPERATOR
from clerk_tasks.ledger.paused import is_paused
from clerk_tasks.ledger.turns import made_available

#: How many jobs are admitted at once at most.
PASS = 1000
#: The source of a plugin's limit.
PLUGIN = "plugin"

_OF_KEY = jobs.c.limit_key == bindparam("b_key")
_LIMITED = jobs.c.limit_key.is_not(None)
# In the words of the partial index, whose second column is the state.
_ADMITTED = (_OF_KEY, _LIMITED, one_of(jobs.c.state, ADMITTED))
_READY = (*_ADMITTED, jobs.c.state == constant(JobState.AVAILABLE))
_RUNNING = (*_ADMITTED, jobs.c.state == constant(JobState.RUNNING))
_PERIOD = func.coalesce(limits.c.period, literal_column("0", Float))


def _number(*which: ColumnElement[bool]) -> ScalarSelect[int]:
    return select(func.count()).select_from(jobs).where(*which).correlate(limits).scalar_subquery()


_BY_TYPE = limits.c.job_type == bindparam("b_type")
_EFFECTIVE = select(limits.c.concurrency, limits.c.rate, limits.c.period).where(_BY_TYPE).order_by(limits.c.source)
_HELD_OF_KEY = select(jobs.c.id).where(_OF_KEY, jobs.c.state == constant(JobState.HELD))
#: A limit, and the jobs of a key: whether some are held, those that run, those that may be claimed, and how many have
#: begun lately.
_STATE = Compiled(
    select(
        *(limits.c.concurrency, limits.c.rate),
        exists(_HELD_OF_KEY.correlate(limits)),
        _number(*_RUNNING),
        _number(*_READY),
        case((limits.c.rate.is_not(None), _number(_OF_KEY, _LIMITED, jobs.c.started_at > now(-_PERIOD)))),
    )
    .where(_BY_TYPE)
    .order_by(limits.c.source)
    .limit(literal_column("1"))
)
_LOCK = Compiled(select(func.pg_advisory_xact_lock(bindparam("b_lock", type_=BigInteger))))
_HELD_KEYS = select(jobs.c.limit_key).where(jobs.c.state == constant(JobState.HELD)).distinct()


def _admission(*which: ColumnElement[bool]) -> Update:
    chosen = _HELD_OF_KEY.where(*which).order_by(jobs.c.priority, jobs.c.turn, jobs.c.id)
    some = chosen.limit(bindparam("b_room", type_=Integer)).with_for_update(skip_locked=True)
    return made_available(some, {}, admitted=True)


_ADMIT = Compiled(_admission().returning(literal_column("1")))


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
    _lock(connection, key)
    # Rows that another transaction has locked are as they are: claimed, cancelled, or next time's.
    if (held := is_paused(paused)) is not None:
        ready = select(jobs.c.id).where(*_READY, held).with_for_update(skip_locked=True)
        back = update(jobs).where(jobs.c.id.in_(ready.scalar_subquery())).values(state=constant(JobState.HELD))
        connection.execute(back, {"b_key": key})
    room = _room(connection, key)
    if room.free <= 0:
        return []
    admitted = _admission(*([] if held is None else [~held])).returning(*MESSAGE_COLUMNS)
    return [Message._make(row) for row in connection.execute(admitted, {"b_key": key, "b_room": room.free})]


def admit_next(connection: Connection, key: str) -> None:
    """Make held jobs of a key available once few are left to claim, for the child that has ended one of its jobs.

    It is for a process that knows of no pause. It waits only for others who admit jobs of this key, and nothing that
    has the key's lock waits for a row.
    """
    _lock(connection, key)
    room = _room(connection, key)
    if room.wants_more:
        _ADMIT(connection, {"b_key": key, "b_room": room.free})


def may_admit(connection: Connection, key: str) -> bool:
    """Return whether `admit_next` may have something to do.

    It takes no lock: of two processes whose jobs end at once, the one that asks last sees both ends.
    """
    return _room(connection, key).wants_more


def _lock(connection: Connection, key: str) -> None:
    """Wait until no other transaction admits jobs of a key; on SQLite a write transaction is that already."""
    if connection.dialect.name == "postgresql":
        _LOCK(connection, {"b_lock": lock_of(f"limit {key}")})


class _Room(NamedTuple):
    """How many jobs of a key may become available now, at most PASS; how many are; and whether some are held."""

    free: int
    ready: int
    holds: bool

    @property
    def wants_more(self) -> bool:
        """Whether at most one in four of the places without a running job has a ready one: it is time for several."""
        return self.holds and self.free > 0 and 3 * self.ready <= self.free


def _room(connection: Connection, key: str) -> _Room:
    row = _STATE(connection, {"b_key": key, "b_type": key.partition(":")[0]})
    if row is None:
        return _Room(PASS, 0, True)
    concurrency, rate, holds, running, ready, begun = row
    free = PASS if concurrency is None else min(PASS, concurrency - running - ready)
    return _Room(free if rate is None else min(free, rate - begun - ready), ready, bool(holds))


def effective(connection: Connection, job_type: str) -> Numbers:
    """Return the limit that holds for a job type."""
    row = connection.execute(_EFFECTIVE, {"b_type": job_type}).first()
    return Numbers(None, None, None) if row is None else Numbers(*row)
