"""Take one job of many: a child takes the next job of a queue, so the job gets a queue of its own for that moment."""

from __future__ import annotations

import atexit
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from clerk.database.held import HeldConnection
from clerk.database.tables import jobs_table as jobs
from clerk_tasks.ledger.claims import Claim, Claimant, Claims
from clerk_tasks.worker.children import Child, Children
from clerk_tasks.worker.executor import Executor

#: The queue of the job that is being taken.
ALONE = "alone"


@cache
def _claims(job_type: str) -> Claims:
    return Claims([job_type])


@cache
def _children() -> Children:
    made = Children()
    atexit.register(made.close)
    return made


def claim(connection: Connection, job_id: str, *, instance: str, pid: int, lease: float) -> Claim | None:
    """Claim a job if it is available."""
    row = connection.execute(select(jobs.c.queue, jobs.c.job_type).where(jobs.c.id == job_id)).first()
    if row is None:
        return None
    _move(connection, job_id, ALONE)
    claimed = _claims(row.job_type).next(connection, Claimant(ALONE, instance, pid, lease))
    _move(connection, job_id, row.queue)
    return claimed


def executor(
    held: HeldConnection,
    *,
    instance: str = "w",
    pid: int | None = 1,
    children: Children | None = None,
    **options: Any,
) -> Executor:
    """Return an executor for tests, which works in this process."""
    child = Child((children or _children()).path, 0)
    return Executor(held, child, instance=instance, pid=pid, **{"lease": 60.0, **options})


def execute(engine: Engine, by: Executor, job_id: str) -> None:
    """Execute a job if it is available."""
    with engine.begin() as connection:
        queue = connection.execute(select(jobs.c.queue).where(jobs.c.id == job_id)).scalar_one()
        _move(connection, job_id, ALONE)
    try:
        by.run_slice(ALONE)
    finally:
        with engine.begin() as connection:
            _move(connection, job_id, queue)


def _move(connection: Connection, job_id: str, queue: str) -> None:
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(queue=queue))
