"""Record one job in a run of its own: on PostgreSQL in a single statement, since each question costs a round trip."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Float,
    Integer,
    Select,
    SmallInteger,
    Text,
    bindparam,
    cast,
    exists,
    insert,
    literal_column,
    select,
)

from clerk.database.clock import now
from clerk.database.literals import constant
from clerk.database.states import JobState, RunState, StageState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import queues_table as queues
from clerk.database.tables import runs_table as runs
from clerk.database.tables import sites_table as sites
from clerk.database.tables import stages_table as stages
from clerk_tasks.ledger.compiled import Compiled
from clerk_tasks.ledger.insert import NewJob, row_of
from clerk_tasks.ledger.publications import outstanding_message

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
}


class Alone(NamedTuple):
    """Whether a job was recorded, which needs its site; and whether its queue has a message outstanding, and a row."""

    recorded: bool
    outstanding: bool
    known: bool


def record_alone(connection: Connection, job: NewJob, *, run_id: str) -> Alone:
    """Record a job that is due, without a unique key, as the only one of a new run; PostgreSQL only.

    It is a transaction by itself. The site is locked so that it cannot be removed meanwhile, and the queue's row as by
    `publications.announce`.
    """
    row = row_of(job, run_id=run_id, stage_id=0)
    found = _RECORD(connection, {f"b_{name}": row[name] for name in (*_COLUMNS, "run_id")})
    assert found is not None, "a SELECT without FROM"  # noqa: S101
    return Alone(*found)


def _statement() -> Select[bool, bool, bool]:
    given: dict[str, ColumnElement[Any]] = {
        name: cast(bindparam(f"b_{name}", type_=Text if kind is JSON else kind), kind)
        for name, kind in _COLUMNS.items()
    }
    site = (
        select(sites.c.subdomain)
        .where(sites.c.subdomain == bindparam("b_subdomain"))
        .with_for_update(read=True, key_share=True)
    ).cte("site")
    new_run = {
        "id": cast(bindparam("b_run_id"), Text),
        "subdomain": site.c.subdomain,
        "pipeline": given["job_type"],
        "state": constant(RunState.RUNNING),
        "options": literal_column("'{}'::json"),
        "created_at": now(),
    }
    run = insert(runs).from_select(list(new_run), select(*new_run.values())).returning(runs.c.id).cte("run")
    new_stage = {
        "run_id": run.c.id,
        "name": given["job_type"],
        "position": literal_column("0", Integer),
        "state": constant(StageState.OPEN),
        "total": literal_column("1", Integer),
        "remaining": literal_column("1", Integer),
        "failed": literal_column("0", Integer),
        "cancelled": literal_column("0", Integer),
        "tolerance": literal_column("0", Float),
        "opened_at": now(),
    }
    stage = (
        insert(stages)
        .from_select(list(new_stage), select(*new_stage.values()))
        .returning(stages.c.id, stages.c.run_id)
        .cte("stage")
    )
    new_job = given | {
        "run_id": stage.c.run_id,
        "stage_id": stage.c.id,
        "state": constant(JobState.AVAILABLE),
        "due_at": now(),
        "created_at": now(),
    }
    recorded = insert(jobs).from_select(list(new_job), select(*new_job.values())).returning(jobs.c.id).cte("recorded")
    known = exists(select(queues.c.queue).where(queues.c.queue == bindparam("b_queue")))
    return select(exists(select(recorded.c.id)), outstanding_message(), known)


_RECORD = Compiled(_statement())
