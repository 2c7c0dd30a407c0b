"""Record one job in a run of its own: on PostgreSQL in a single statement, since each one costs a round trip."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Float,
    FromClause,
    Integer,
    Select,
    SmallInteger,
    Text,
    bindparam,
    case,
    cast,
    exists,
    insert,
    literal_column,
    select,
)
from sqlalchemy.sql.dml import ReturningInsert

from clerk.database.clock import now
from clerk.database.literals import constant
from clerk.database.states import JobState, RunState, StageState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import queues_table as queues
from clerk.database.tables import runs_table as runs
from clerk.database.tables import sites_table as sites
from clerk.database.tables import stages_table as stages
from clerk_tasks.ledger.compiled import Compiled
from clerk_tasks.ledger.insert import NewJob, insert_due, row_of
from clerk_tasks.ledger.operator_limits import key_of, limited_types
from clerk_tasks.ledger.publications import announce, outstanding_message
from clerk_tasks.ledger.turns import take, take_one

#: The types of a job's columns, without which PostgreSQL takes a parameter in a SELECT for text.
_COLUMNS = {
    "id": Text,
    "job_type": Text,
    "subdomain": Text,
    "queue": Text,
    "priority": SmallInteger,
    "arguments": JSON,
    "max_attempts": SmallInteger,
    "backoff_base": Float,
    "backoff_cap": Float,
    "time_limit": Float,
    "traceparent": Text,
}


class Alone(NamedTuple):
    """Whether a job was recorded, which needs its site; whether its queue has a message outstanding, and a row.

    A job with a limit key, which an operator has set, is held.
    """

    recorded: bool
    outstanding: bool
    known: bool
    limit_key: str | None = None


def record_alone(connection: Connection, job: NewJob, *, run_id: str) -> Alone:
    """Record a job that is due, without a unique key, as the only one of a new run.

    The site is locked so that it cannot be removed meanwhile, and the queue's row as by `publications.announce`.
    On PostgreSQL it is a transaction by itself.
    """
    if connection.dialect.name != "postgresql":
        return _step_by_step(connection, job, run_id)
    row = row_of(job, run_id=run_id, stage_id=0)
    found = _RECORD(connection, {f"b_{name}": row[name] for name in (*_COLUMNS, "run_id")})
    assert found is not None, "a SELECT without FROM"  # noqa: S101
    return Alone(*found)


def _step_by_step(connection: Connection, job: NewJob, run_id: str) -> Alone:
    given = {"b_run_id": run_id, "b_subdomain": job.subdomain, "b_job_type": job.job_type}
    if _INSERT_RUN(connection, given) is None:
        return Alone(recorded=False, outstanding=False, known=True)
    stage = _INSERT_STAGE(connection, given)
    assert stage is not None, "an INSERT that returns its id"  # noqa: S101
    turn = take(connection, job.queue, job.priority, job.subdomain)
    key = next(iter(limited_types(connection, [job.job_type])), None)
    insert_due(connection, row_of(job, run_id=run_id, stage_id=stage[0]) | {"turn": turn, "limit_key": key})
    return Alone(recorded=True, outstanding=not announce(connection, job.queue), known=True, limit_key=key)


def _run_of(site: FromClause) -> ReturningInsert[str]:
    row = {
        "id": cast(bindparam("b_run_id"), Text),
        "subdomain": site.c.subdomain,
        "pipeline": cast(bindparam("b_job_type"), Text),
        "state": constant(RunState.RUNNING),
        "options": literal_column("'{}'"),
        "created_at": now(),
    }
    return insert(runs).from_select(list(row), select(*row.values())).returning(runs.c.id)


def _stage_of(run_id: ColumnElement[str]) -> ReturningInsert[int, str]:
    row = {
        "run_id": run_id,
        "name": cast(bindparam("b_job_type"), Text),
        "position": literal_column("0", Integer),
        "state": constant(StageState.OPEN),
        "total": literal_column("1", Integer),
        "remaining": literal_column("1", Integer),
        "failed": literal_column("0", Integer),
        "cancelled": literal_column("0", Integer),
        "tolerance": literal_column("0", Float),
        "opened_at": now(),
    }
    return insert(stages).from_select(list(row), select(*row.values())).returning(stages.c.id, stages.c.run_id)


def _statement() -> Select[bool, bool, bool, str]:
    given: dict[str, ColumnElement[Any]] = {
        name: cast(bindparam(f"b_{name}", type_=Text if kind is JSON else kind), kind)
        for name, kind in _COLUMNS.items()
    }
    run = _run_of(_SITE.with_for_update(read=True, key_share=True).cte("site")).cte("run")
    stage = _stage_of(run.c.id).cte("stage")
    own = select(
        given["queue"].label("queue"), given["priority"].label("priority"), given["subdomain"].label("subdomain")
    )
    taken = take_one(own.select_from(stage).cte("own"))
    key = key_of(given["job_type"])
    new_job = given | {
        "turn": taken.c.turn,
        "run_id": stage.c.run_id,
        "stage_id": stage.c.id,
        "limit_key": key,
        "state": case((key.is_(None), constant(JobState.AVAILABLE)), else_=constant(JobState.HELD)),
        "due_at": now(),
        "created_at": now(),
    }
    insertion = insert(jobs).from_select(list(new_job), select(*new_job.values()))
    recorded = insertion.returning(jobs.c.id, jobs.c.limit_key).cte("recorded")
    known = exists(select(queues.c.queue).where(queues.c.queue == bindparam("b_queue")))
    held_by = select(recorded.c.limit_key).scalar_subquery()
    return select(exists(select(recorded.c.id)), outstanding_message(), known, held_by)


_SITE = select(sites.c.subdomain).where(sites.c.subdomain == bindparam("b_subdomain"))
_RECORD = Compiled(_statement())
_INSERT_RUN = Compiled(_run_of(_SITE.subquery("site")))
_INSERT_STAGE = Compiled(_stage_of(cast(bindparam("b_run_id"), Text)))
