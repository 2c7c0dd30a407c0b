"""Rows that hold what no version writes, such as text that is not JSON: name them, mend or remove them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    Float,
    Integer,
    Table,
    Text,
    and_,
    case,
    cast,
    delete,
    func,
    null,
    or_,
    select,
    true,
    type_coerce,
    update,
)

from clerk.database.clock import UtcDateTime, now
from clerk.database.literals import one_of
from clerk.database.states import UNCOMPLETED, UNENDED, UNFINISHED, UNSUCCESSFUL, JobState, RunState, StageState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import pauses_table as pauses
from clerk.database.tables import runs_table as runs
from clerk.database.tables import schedule_slots_table as slots
from clerk.database.tables import stages_table as stages
from clerk.database.tables import workers_table as workers
from clerk.jobs import Priority
from clerk_tasks.ledger.diagnosis import Damage

#: How many rows of a table are named at most.
MOST_NAMED = 100
#: What the JSON of a column is; that of any other column may be anything.
_KIND = {
    **dict.fromkeys((jobs.c.arguments, runs.c.options), "object"),
    **dict.fromkeys((slots.c.jobs, workers.c.queues, workers.c.job_types), "array"),
}
#: Numbers that join rows: a job without its stage belongs nowhere, and there is no value to mend it with.
_LINKS = (stages.c.id, jobs.c.stage_id)
_STATES: dict[Table, tuple[str, ...]] = {jobs: tuple(JobState), stages: tuple(StageState), runs: tuple(RunState)}
_KEYS: dict[str, tuple[Table, tuple[Column[Any], ...]]] = {
    "job": (jobs, (jobs.c.id,)),
    "stage": (stages, (stages.c.id,)),
    "run": (runs, (runs.c.id,)),
    "worker": (workers, (workers.c.instance,)),
    "slot": (slots, (slots.c.schedule, slots.c.due_at)),
    "pause": (pauses, (pauses.c.kind, pauses.c.name)),
}
#: What is written in place of a value that cannot be read. The arguments of a job are kept in an object of their own.
_MENDED: dict[Column[Any], Any] = {
    jobs.c.priority: Priority.NORMAL,
    jobs.c.state: JobState.CANCELLED,
    jobs.c.result: null(),
    stages.c.state: StageState.CANCELLED,
    runs.c.state: RunState.FAILED,
    runs.c.options: {},
    **dict.fromkeys(
        (jobs.c.attempt, jobs.c.turn, stages.c.total, stages.c.remaining, stages.c.failed, stages.c.cancelled), 0
    ),
    **dict.fromkeys((jobs.c.max_attempts, jobs.c.backoff_base, workers.c.concurrency), 1),
    **dict.fromkeys((jobs.c.backoff_cap, jobs.c.time_limit), 3600),
    **dict.fromkeys((stages.c.position, stages.c.tolerance), 0),
}
_REMEDY = {
    "job": "cancel it if it has not ended, and mend its other values",
    "stage": "mend its values",
    "run": "mend its values",
    "worker": "delete its row",
    "slot": "delete its row",
    "pause": "delete its row; pause it again if it is to stay so",
}


def unreadable(connection: Connection, *, everything: bool = False) -> list[Damage]:
    """Return the rows of the ledger that cannot be read as they should, MOST_NAMED of each table.

    Unless `everything` is looked at, completed jobs and runs are left out: there may be millions.
    """
    return [
        Damage(f"unreadable {kind}", subject, f"{', '.join(columns)} cannot be read", _REMEDY[kind])
        for kind in _KEYS
        for subject, columns in _find(connection, kind, everything=everything)
    ]


def mend(connection: Connection, kind: str, subject: str) -> bool:
    """Mend a row that `unreadable` named, or delete it; return whether it is a job that has to be cancelled.

    What a job had as its arguments becomes the argument `unreadable`, which no job type takes: a retry says so.
    """
    table, keys = _KEYS[kind]
    chosen = _subject(keys) == subject
    if kind in ("worker", "slot", "pause"):
        connection.execute(delete(table).where(chosen))
        return False
    lost = False
    for column, wrong in _checks(connection, table):
        value = now() if isinstance(column.type, UtcDateTime) else _MENDED.get(column)
        if column is jobs.c.arguments:
            value = _kept(connection)
        mended = connection.execute(update(table).where(chosen, wrong).values({column: value})).rowcount
        lost = lost or bool(mended and column is jobs.c.arguments)
    return (
        lost
        and connection.execute(select(jobs.c.id).where(chosen, one_of(jobs.c.state, UNFINISHED))).first() is not None
    )


def _kept(connection: Connection) -> ColumnElement[Any]:
    """Return the arguments of a job as the one argument `unreadable`: as text, or bytes in hexadecimal."""
    if connection.dialect.name == "postgresql":
        return func.json_build_object("unreadable", jobs.c.arguments)
    raw = type_coerce(jobs.c.arguments, Text)
    return func.json_object("unreadable", case((func.typeof(raw) == "blob", func.hex(raw)), else_=cast(raw, Text)))


def _find(connection: Connection, kind: str, *, everything: bool) -> Iterator[tuple[str, list[str]]]:
    table, keys = _KEYS[kind]
    checks = _checks(connection, table)
    if not checks:  # PostgreSQL holds no such value
        return
    columns = [case((wrong, 1), else_=0) for _, wrong in checks]
    query = select(_subject(keys), *columns).where(or_(*(wrong for _, wrong in checks)))
    parts: list[ColumnElement[bool]] = [true()]
    if table is jobs and not everything:
        unended = select(stages.c.id).where(one_of(stages.c.state, UNENDED))
        parts = [
            *(one_of(jobs.c.state, states) for states in (UNFINISHED, UNSUCCESSFUL)),
            jobs.c.stage_id.in_(unended) & jobs.c.state.not_in(_STATES[jobs]),
        ]
    elif table is runs and not everything:
        parts = [one_of(runs.c.state, UNCOMPLETED)]
    elif table is stages and not everything:
        parts = [one_of(stages.c.state, UNENDED)]
    for part in parts:
        for row in connection.execute(query.where(part).limit(MOST_NAMED)):
            yield str(row[0]), [column.name for (column, _), bad in zip(checks, row[1:], strict=True) if bad]


def _subject(keys: tuple[Column[Any], ...]) -> ColumnElement[str]:
    """Return the text that names a row."""
    subject: ColumnElement[str] = cast(keys[0], Text)
    for key in keys[1:]:
        subject = subject.concat(" ").concat(cast(key, Text))
    return subject


def _checks(connection: Connection, table: Table) -> list[tuple[Column[Any], ColumnElement[bool]]]:
    """Return the columns of a table that may be unreadable, each with the condition that it is."""
    on_sqlite = connection.dialect.name == "sqlite"
    found: list[tuple[Column[Any], ColumnElement[bool]]] = []
    for column in table.columns:
        if isinstance(column.type, JSON):
            kind = _KIND.get(column)
            if on_sqlite:
                valid = func.json_valid(column) == 1
                is_kind = func.json_type(column) == kind if kind else true()
                found.append((column, and_(column.is_not(None), case((valid, ~is_kind), else_=True))))
            elif kind:
                found.append((column, func.json_typeof(column) != kind))
        elif isinstance(column.type, UtcDateTime) and on_sqlite:
            found.append((column, and_(column.is_not(None), func.julianday(column).is_(None))))
        elif isinstance(column.type, Integer | Float) and on_sqlite and column not in _LINKS:
            number = func.typeof(column).in_(("integer", "real"))
            among = column.in_([int(priority) for priority in Priority]) if column is jobs.c.priority else true()
            found.append((column, and_(column.is_not(None), ~and_(number, among))))
        elif column is jobs.c.priority:
            found.append((column, column.not_in([int(priority) for priority in Priority])))
        elif column.name == "state":
            found.append((column, column.not_in(_STATES[table])))
    return found
