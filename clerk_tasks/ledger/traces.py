"""The trace that a job belongs to, as W3C Trace Context writes it: `00-TRACE-SPAN-FLAGS`."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from clerk.database.tables import jobs_table as jobs
from clerk_tasks.ledger.compiled import Compiled

_OF_JOB = Compiled(select(jobs.c.traceparent).where(jobs.c.id == bindparam("b_id")))
_OF_RUN = (
    select(jobs.c.traceparent)
    .where(jobs.c.run_id == bindparam("b_run"), jobs.c.traceparent.is_not(None))
    .order_by(jobs.c.id)
    .limit(1)
)


def traceparent_of_job(connection: Connection, job_id: str) -> str | None:
    """Return the span that enqueued a job, None if nothing was traced then."""
    row = _OF_JOB(connection, {"b_id": job_id})
    return None if row is None else row[0]


def traceparent_of_run(connection: Connection, run_id: str) -> str | None:
    """Return the span that enqueued the first traced job of a run, None without one."""
    found: str | None = connection.execute(_OF_RUN, {"b_run": run_id}).scalar()
    return found
