"""What is being done now, and how much was added since a moment ago."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from clerk.database.literals import constant
from clerk.database.states import JobState
from clerk.database.tables import jobs_table as jobs


def running_jobs(connection: Connection, *, limit: int) -> list[dict[str, Any]]:
    """Return the running jobs, those that began first at the top."""
    columns = (jobs.c.id, jobs.c.job_type, jobs.c.subdomain, jobs.c.attempt, jobs.c.started_at, jobs.c.note)
    query = select(*columns, jobs.c.instance, jobs.c.pid).where(jobs.c.state == constant(JobState.RUNNING))
    return [dict(row) for row in connection.execute(query.order_by(jobs.c.started_at).limit(limit)).mappings()]


def newest_job(connection: Connection) -> str | None:
    """Return the id of the job that was recorded last."""
    newest: str | None = connection.execute(select(func.max(jobs.c.id))).scalar_one()
    return newest


def added_since(connection: Connection, job_id: str | None) -> dict[str, int]:
    """Return {queue: number of jobs that were recorded after a job}."""
    query = select(jobs.c.queue, func.count()).group_by(jobs.c.queue)
    if job_id is not None:
        query = query.where(jobs.c.id > job_id)
    return {row[0]: row[1] for row in connection.execute(query)}
