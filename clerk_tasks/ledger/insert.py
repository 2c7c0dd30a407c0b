"""New jobs: as values, and as rows that are inserted in the caller's transaction."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from operator import itemgetter
from types import ModuleType
from typing import Any, NamedTuple

import uuid_utils
from sqlalchemy import JSON, BigInteger, Connection, Float, Text, bindparam, cast, column, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from clerk.database.clock import now
from clerk.database.literals import constant, one_of
from clerk.database.states import UNFINISHED, JobState, StageState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import stages_table as stages
from clerk.errors import UsageError
from clerk.jobs import Backoff, Priority
from clerk_tasks.ledger.compiled import Compiled
from clerk_tasks.ledger.operator_limits import limited_types
from clerk_tasks.ledger.turns import take


class Message(NamedTuple):
    """A job that has become available, and what a message for its queue needs to say."""

    job_id: str
    job_type: str
    queue: str
    priority: int


#: The columns that make a Message, in its order.
MESSAGE_COLUMNS = (jobs.c.id, jobs.c.job_type, jobs.c.queue, jobs.c.priority)


@dataclass(frozen=True, kw_only=True, slots=True)
class NewJob:
    """A validated job, ready to be recorded; `delay` is in seconds, `arguments` is JSON."""

    job_type: str
    subdomain: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    queue: str = "default"
    priority: Priority = Priority.NORMAL
    max_attempts: int = 3
    backoff: Backoff = field(default_factory=Backoff)
    time_limit: float = 3600.0
    unique_key: str | None = None
    limit_key: str | None = None
    delay: float = 0.0
    stage: str | None = None
    traceparent: str | None = None
    id: str = field(default_factory=lambda: str(uuid_utils.uuid7()))


@dataclass(frozen=True, kw_only=True, slots=True)
class NewStage:
    """A stage and the jobs that it begins with.

    It lets the run go on while the failed share of its jobs, the one that began it aside, is <= `tolerance`.
    """

    name: str
    jobs: Sequence[NewJob] = ()
    tolerance: float = 0.0


@dataclass(slots=True)
class Recorded:
    """What an insertion did: the messages to publish, every new id, and {unique key: id of the job that won}.

    Jobs with one of the limit keys are held until `limits.admit`.
    """

    messages: list[Message] = field(default_factory=list)
    job_ids: list[str] = field(default_factory=list)
    conflicts: dict[str, str] = field(default_factory=dict)
    limit_keys: set[str] = field(default_factory=set)

    def add(self, other: Recorded) -> None:
        """Add what another insertion did."""
        self.messages += other.messages
        self.job_ids += other.job_ids
        self.conflicts.update(other.conflicts)
        self.limit_keys.update(other.limit_keys)


_ROW: dict[str, Any] = {
    column: bindparam(column)
    for column in (
        *("id", "run_id", "stage_id", "job_type", "subdomain", "queue", "priority", "turn", "arguments"),
        *("unique_key", "limit_key", "max_attempts", "backoff_base", "backoff_cap", "time_limit", "traceparent"),
    )
}
_DUE = {
    "state": constant(JobState.AVAILABLE),
    "due_at": now(),
    "created_at": now(),
}
_HELD = _DUE | {"state": constant(JobState.HELD)}
_LATER = {"state": constant(JobState.SCHEDULED), "due_at": now(bindparam("delay")), "created_at": now()}
_WAITING = {"state": constant(JobState.SCHEDULED), "created_at": now()}


_KINDS: dict[str, Mapping[str, Any]] = {"due": _DUE, "held": _HELD, "later": _LATER, "waiting": _WAITING}


def _guarded(values: Mapping[str, Any], dialect: ModuleType) -> Compiled:
    statement = dialect.insert(jobs).values(_ROW | dict(values))
    unless_taken = statement.on_conflict_do_nothing(
        index_elements=[jobs.c.unique_key], index_where=one_of(jobs.c.state, UNFINISHED)
    )
    return Compiled(unless_taken.returning(jobs.c.id))


_INSERT = {kind: Compiled(insert(jobs).inline().values(_ROW | dict(values))) for kind, values in _KINDS.items()}


#: What differs from job to job of a batch; the rest is the same for most of them.
_OWN: Mapping[str, TypeEngine[Any]] = {"id": Text(), "turn": BigInteger(), "arguments": Text(), "delay": Float()}
_SHARED = tuple(name for name in _ROW if name not in _OWN)


def _unnested(values: Mapping[str, Any]) -> Compiled:
    """Return PostgreSQL's statement that inserts jobs that share their other values."""
    arrays = [bindparam(name, type_=ARRAY(kind)) for name, kind in _OWN.items()]
    given = (
        func.unnest(*arrays)
        .table_valued(*(column(name, kind) for name, kind in _OWN.items()), name="new")
        .render_derived()
    )
    row: dict[str, Any] = {name: bindparam(name, type_=jobs.c[name].type) for name in _SHARED}
    row |= {"id": given.c.id, "turn": given.c.turn, "arguments": cast(given.c.arguments, JSON)} | dict(values)
    if values is _LATER:
        row["due_at"] = now(given.c.delay)
    return Compiled(insert(jobs).from_select(list(row), select(*row.values())))


_INSERT_UNNESTED = {kind: _unnested(values) for kind, values in _KINDS.items()}
_INSERT_UNIQUE = {
    name: {kind: _guarded(values, dialect) for kind, values in _KINDS.items()}
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
_WINNER = Compiled(select(jobs.c.id).where(jobs.c.unique_key == bindparam("key"), one_of(jobs.c.state, UNFINISHED)))
_STAGE_STATE = select(stages.c.state).where(stages.c.id == bindparam("b_stage"))
_GROW = (
    update(stages)
    .where(
        stages.c.id == bindparam("b_stage"),
        one_of(stages.c.state, (StageState.OPEN, StageState.WAITING)),
    )
    .values(total=stages.c.total + bindparam("b_n"), remaining=stages.c.remaining + bindparam("b_n"))
    .returning(stages.c.state)
)


def grow_stage(connection: Connection, stage_id: int, count: int) -> StageState:
    """Count more jobs into a stage unless it has ended; return its state, which stays so until we commit."""
    state = connection.execute(_GROW, {"b_stage": stage_id, "b_n": count}).scalar()
    return StageState(state or connection.execute(_STAGE_STATE, {"b_stage": stage_id}).scalar_one())


def insert_jobs(
    connection: Connection,
    recorded: Recorded,
    new_jobs: Iterable[NewJob],
    *,
    run_id: str,
    stage_id: int,
    opened: bool,
) -> None:
    """Insert jobs into one stage, without counting them; those whose unique key is taken are skipped.

    Fills `recorded`. Unique keys are taken in sorted order, so that two batches cannot wait for each other.
    """
    batch = list(new_jobs)
    due = [job for job in batch if opened and not job.delay]
    limited = limited_types(connection, {job.job_type for job in due if job.limit_key is None}) if due else ()
    turns = _turns(connection, due)
    plain: dict[str, list[dict[str, Any]]] = {kind: [] for kind in _KINDS}
    for job in sorted(batch, key=lambda job: job.unique_key or ""):
        row = row_of(job, run_id=run_id, stage_id=stage_id)
        row["limit_key"] = job.limit_key or (job.job_type if job.job_type in limited else None)
        kind = "waiting" if not opened else "later" if job.delay else "held" if row["limit_key"] else "due"
        if kind in ("due", "held"):
            row["turn"] = next(turns[job.queue, job.priority, job.subdomain])
        if job.unique_key is None:
            plain[kind].append(row)
        elif (winner := _insert_unique(connection, kind, row)) is not None:
            recorded.conflicts[job.unique_key] = winner
            continue
        recorded.job_ids.append(row["id"])
        if kind == "due":
            recorded.messages.append(Message(row["id"], job.job_type, job.queue, job.priority))
        elif kind == "held":
            recorded.limit_keys.add(row["limit_key"])
    for kind, rows in plain.items():
        if rows:
            _insert(connection, kind, rows)


def _turns(connection: Connection, due: Iterable[NewJob]) -> dict[tuple[str, int, str], Iterator[int]]:
    """Take the turns of jobs that are due; return those of each (queue, priority, site)."""
    counts = Counter((job.queue, int(job.priority), job.subdomain) for job in due)
    return {key: count(take(connection, *key, count=number)) for key, number in sorted(counts.items())}


def _insert(connection: Connection, kind: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if len(rows) == 1 or connection.dialect.name != "postgresql":
        _INSERT[kind].many(connection, rows)
        return
    alike: dict[tuple[Any, ...], list[Mapping[str, Any]]] = defaultdict(list)
    shared = itemgetter(*_SHARED)
    for row in rows:
        alike[shared(row)].append(row)
    for values, some in alike.items():
        own = {name: [row[name] for row in some] for name in _OWN}
        _INSERT_UNNESTED[kind](connection, own | dict(zip(_SHARED, values, strict=True)))


def insert_due(connection: Connection, row: Mapping[str, Any]) -> None:
    """Insert one job that is due, or held if it has a limit, and has no unique key, without counting it."""
    _INSERT["held" if row["limit_key"] else "due"](connection, row)


def row_of(job: NewJob, *, run_id: str, stage_id: int) -> dict[str, Any]:
    """Return the values of a new job's row."""
    return {
        "id": job.id,
        "run_id": run_id,
        "stage_id": stage_id,
        "job_type": job.job_type,
        "subdomain": job.subdomain,
        "queue": job.queue,
        "priority": int(job.priority),
        "turn": 0,
        "arguments": json.dumps(job.arguments),
        "unique_key": job.unique_key,
        "limit_key": job.limit_key,
        "max_attempts": job.max_attempts,
        "backoff_base": job.backoff.base,
        "backoff_cap": job.backoff.cap,
        "time_limit": job.time_limit,
        "traceparent": job.traceparent,
        "delay": job.delay,
    }


def _insert_unique(connection: Connection, kind: str, row: dict[str, Any]) -> str | None:
    """Insert a job with a unique key; return the id of the unfinished job that already has it, if one has."""
    statement = _INSERT_UNIQUE[connection.dialect.name][kind]
    for _ in range(10):
        if statement(connection, row) is not None:
            return None
        if (winner := _WINNER(connection, {"key": row["unique_key"]})) is not None:
            return str(winner[0])
        # The winner ended between the two statements: the key is free again.
    raise UsageError(f"Could not settle who holds the unique key {row['unique_key']!r}; try again.")
