"""What the ledger says to people: jobs, runs, depth and age, as plain dictionaries with stable keys."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, exists, func, or_, select

from clerk.database.clock import now
from clerk.database.literals import one_of
from clerk.database.states import UNFINISHED, JobState, RunState
from clerk.database.tables import attempts_table as attempts
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import runs_table as runs
from clerk.database.tables import stages_table as stages
from clerk.database.tables import workers_table as workers
from clerk.errors import missing
from clerk.jobs import Priority

#: How many parameters one statement has at most: SQLite takes 32 766.
PASS = 1000
_SUMMARY = (
    jobs.c.id,
    jobs.c.job_type,
    jobs.c.subdomain,
    jobs.c.run_id,
    jobs.c.queue,
    jobs.c.priority,
    jobs.c.state,
    jobs.c.attempt,
    jobs.c.max_attempts,
    jobs.c.error,
    jobs.c.note,
    jobs.c.created_at,
    jobs.c.started_at,
    jobs.c.finished_at,
    jobs.c.due_at,
    jobs.c.cancel_requested_at,
)
_DETAIL = (
    jobs.c.arguments,
    jobs.c.result,
    jobs.c.unique_key,
    jobs.c.time_limit,
    jobs.c.lease_until,
    jobs.c.instance,
    jobs.c.pid,
)


def list_jobs(
    connection: Connection,
    *,
    subdomain: str | None = None,
    state: JobState | None = None,
    job_type: str | None = None,
    run_id: str | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Return jobs, newest first; ids sort by time of birth."""
    filters = {"subdomain": subdomain, "state": state and state.value, "job_type": job_type, "run_id": run_id}
    query = select(*_SUMMARY).order_by(jobs.c.id.desc()).limit(limit)
    for column, value in filters.items():
        if value is not None:
            query = query.where(jobs.c[column] == value)
    return [_job(row) for row in connection.execute(query).mappings()]


def show_job(connection: Connection, job_id: str) -> dict[str, Any]:
    """Return one job with its arguments and every attempt; NotFoundError for an unknown id."""
    row = connection.execute(select(*_SUMMARY, *_DETAIL).where(jobs.c.id == job_id)).mappings().first()
    if row is None:
        raise missing("job", job_id)
    return _job(row) | {"attempts": _attempts(connection, row)}


def job_states(connection: Connection, job_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return the summaries of some jobs, in the order of their ids."""
    ids, found = sorted(job_ids), []
    for start in range(0, len(ids), PASS):
        query = select(*_SUMMARY).where(jobs.c.id.in_(ids[start : start + PASS])).order_by(jobs.c.id)
        found += [_job(row) for row in connection.execute(query).mappings()]
    return found


def jobs_of_failed_runs(connection: Connection, job_ids: Collection[str]) -> set[str]:
    """Return those of some jobs whose run has not completed."""
    query = select(jobs.c.id).join(runs).where(jobs.c.id.in_(job_ids), runs.c.state != RunState.COMPLETED.value)
    return set(connection.execute(query).scalars())


def unfinished_jobs(connection: Connection, *, subdomain: str, limit: int) -> list[str]:
    """Return the ids of a site's unfinished jobs, oldest first."""
    query = select(jobs.c.id).where(jobs.c.subdomain == subdomain, one_of(jobs.c.state, UNFINISHED))
    return list(connection.execute(query.order_by(jobs.c.id).limit(limit)).scalars())


def _job(row: RowMapping) -> dict[str, Any]:
    return _plain(row) | {"priority": Priority(row["priority"]).name.lower()}


def _attempts(connection: Connection, job: RowMapping) -> list[dict[str, Any]]:
    query = select(attempts).where(attempts.c.job_id == job["id"]).order_by(attempts.c.attempt)
    rows = [_plain(row) for row in connection.execute(query).mappings()]
    if job["attempt"] and job["state"] in (JobState.RUNNING, JobState.COMPLETED):
        # Only attempts that failed have a row of their own; the job's row has the one that runs or succeeded.
        same = {key: job[key] for key in ("attempt", "instance", "pid", "started_at", "lease_until", "finished_at")}
        rows.append(_plain({"job_id": job["id"], **same, "outcome": job["state"], "error": None, "traceback": None}))
    known = workers.c.instance.in_({row["instance"] for row in rows})
    query = select(workers.c.instance, workers.c.hostname).where(known)
    hosts = {row.instance: row.hostname for row in connection.execute(query)}
    return [row | {"worker": hosts.get(row["instance"])} for row in rows]


def list_runs(
    connection: Connection, *, subdomain: str | None = None, state: str | None = None, limit: int | None = None
) -> list[dict[str, Any]]:
    """Return runs, newest first, each with its counts of jobs."""
    columns = {"jobs": "total", "remaining": "remaining", "failed": "failed", "cancelled": "cancelled"}
    of_run = stages.c.run_id == runs.c.id
    # One by one: a join would add up every run's stages to show the newest.
    counts = [
        select(func.sum(stages.c[column])).where(of_run).scalar_subquery().label(name)
        for name, column in columns.items()
    ]
    query = select(runs, *counts).order_by(runs.c.created_at.desc(), runs.c.id).limit(limit)
    if subdomain is not None:
        query = query.where(runs.c.subdomain == subdomain)
    if state is not None:
        query = query.where(runs.c.state == state)
    return [_plain(row) for row in connection.execute(query).mappings()]


def require_run(connection: Connection, run_id: str) -> RowMapping:
    """Return a run's row; NotFoundError for an unknown id."""
    row = connection.execute(select(runs).where(runs.c.id == run_id)).mappings().first()
    if row is None:
        raise missing("run", run_id)
    return row


def show_run(connection: Connection, run_id: str) -> dict[str, Any]:
    """Return one run with its stages and jobs; NotFoundError for an unknown id."""
    row = require_run(connection, run_id)
    of_run = select(stages).where(stages.c.run_id == run_id).order_by(stages.c.position)
    return _plain(row) | {
        "stages": [_plain(stage) for stage in connection.execute(of_run).mappings()],
        "jobs": list_jobs(connection, run_id=run_id),
    }


def count_states(connection: Connection, *, subdomain: str | None = None) -> dict[str, int]:
    """Return {state: number of jobs}, every state named."""
    query = select(jobs.c.state, func.count()).group_by(jobs.c.state)
    if subdomain is not None:
        query = query.where(jobs.c.subdomain == subdomain)
    found: dict[str, int] = {row[0]: row[1] for row in connection.execute(query)}
    return {state.value: found.get(state.value, 0) for state in JobState}


def _number(*states: JobState) -> Any:
    return func.count().filter(jobs.c.state.in_([state.value for state in states]))


def backlog(connection: Connection) -> list[dict[str, Any]]:
    """Return, for each queue with unfinished jobs, how many wait, retry and run, and since when the oldest waits."""
    query = (
        select(
            jobs.c.queue,
            _number(JobState.AVAILABLE).label("available"),
            _number(JobState.SCHEDULED, JobState.RETRYABLE).label("waiting"),
            _number(JobState.RUNNING).label("running"),
            func.min(jobs.c.due_at).filter(jobs.c.state == JobState.AVAILABLE.value).label("oldest"),
        )
        .where(jobs.c.state.in_([state.value for state in UNFINISHED]))
        .group_by(jobs.c.queue)
        .order_by(jobs.c.queue)
    )
    return [_plain(row) for row in connection.execute(query).mappings()]


def has_work(connection: Connection, queues: Sequence[str], job_types: Sequence[str]) -> bool:
    """Return whether a worker of these queues that knows these job types has something to do or to wait for.

    A running job counts, on any worker: that worker may die. One that is to be retried later does not.
    """
    due = and_(jobs.c.state.in_([JobState.SCHEDULED.value, JobState.RETRYABLE.value]), jobs.c.due_at <= now())
    ready = and_(or_(jobs.c.state == JobState.AVAILABLE.value, due), jobs.c.job_type.in_(job_types))
    query = select(exists().where(jobs.c.queue.in_(queues), or_(ready, jobs.c.state == JobState.RUNNING.value)))
    return bool(connection.execute(query).scalar())


def _plain(row: Any) -> dict[str, Any]:
    """Return a row as a dictionary that JSON can hold: moments as ISO 8601 in UTC."""
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in dict(row).items()}
