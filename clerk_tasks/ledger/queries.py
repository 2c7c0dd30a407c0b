"""What the ledger says to people: jobs, runs, depth and age, as plain dictionaries with stable keys."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Row,
    RowMapping,
    Select,
    Subquery,
    and_,
    case,
    exists,
    func,
    or_,
    select,
    true,
)

from clerk.database.clock import now
from clerk.database.literals import batched, constant, is_in, one_of
from clerk.database.states import LATER, UNCOMPLETED, UNFINISHED, UNSUCCESSFUL, JobState, RunState
from clerk.database.tables import attempts_table as attempts
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import runs_table as runs
from clerk.database.tables import stages_table as stages
from clerk.database.tables import workers_table as workers
from clerk.errors import missing
from clerk.jobs import Priority
from clerk.pauses import Paused
from clerk_tasks.ledger.job_filter import JobFilter, newest_matching, select_ids
from clerk_tasks.ledger.paused import NOTHING_PAUSED, not_held

#: The number of jobs up to which completed jobs are counted: that reads every row.
MOST_JOBS_COUNTED = 100_000
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
    jobs.c.traceparent,
)


def list_jobs(
    connection: Connection,
    chosen: JobFilter | None = None,
    *,
    before: str | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Return the jobs that match, newest first; ids sort by time of birth. `before`: only those older than this job."""
    chosen = chosen or JobFilter()
    if chosen.fingerprint is not None:
        return job_states(connection, newest_matching(connection, chosen, before=before, limit=limit))[::-1]
    query = select_ids(chosen, before=before)
    newest = query.with_only_columns(query.selected_columns.id).order_by(query.selected_columns.id.desc()).limit(limit)
    listed = select(*_SUMMARY).where(jobs.c.id.in_(newest)).order_by(jobs.c.id.desc())
    return [_job(row) for row in connection.execute(listed).mappings()]


def show_job(connection: Connection, job_id: str) -> dict[str, Any]:
    """Return one job with its arguments and every attempt; NotFoundError for an unknown id."""
    row = connection.execute(select(*_SUMMARY, *_DETAIL).where(jobs.c.id == job_id)).mappings().first()
    if row is None:
        raise missing("job", job_id)
    job = _job(row)
    if not isinstance(job["arguments"], dict):
        broken = "its arguments are not a JSON object, see `clerk-tasks doctor`"
        job["note"] = f"{job['note']}; {broken}" if job["note"] else broken
    return job | {"attempts": _attempts(connection, row)}


def job_states(connection: Connection, job_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return the summaries of some jobs, in the order of their ids."""
    found: list[dict[str, Any]] = []
    for some in batched(sorted(job_ids)):
        query = select(*_SUMMARY).where(jobs.c.id.in_(some)).order_by(jobs.c.id)
        found += [_job(row) for row in connection.execute(query).mappings()]
    return found


def jobs_since(connection: Connection, job_ids: Collection[str]) -> list[dict[str, Any]]:
    """Return the summaries of some jobs, and of those that were recorded in their runs since, their children say."""
    found = job_states(connection, sorted(job_ids))
    since: dict[str, str] = {}
    for job in found:
        since[job["run_id"]] = min(since.get(job["run_id"], job["created_at"]), job["created_at"])
    known = set(job_ids)
    for some in batched(sorted(since)):
        query = select(*_SUMMARY).where(jobs.c.run_id.in_(some)).order_by(jobs.c.id)
        for row in connection.execute(query).mappings():
            job = _job(row)
            if job["id"] not in known and job["created_at"] >= since[job["run_id"]]:
                found.append(job)
    return found


def jobs_of_failed_runs(connection: Connection, job_ids: Collection[str]) -> set[str]:
    """Return those of some jobs whose run has not completed."""
    query = select(jobs.c.id).join(runs).where(runs.c.state != constant(RunState.COMPLETED))
    chosen = [query.where(jobs.c.id.in_(some)) for some in batched(sorted(job_ids))]
    return {job_id for each in chosen for job_id in connection.execute(each).scalars()}


def unfinished_jobs(connection: Connection, *, subdomain: str, limit: int) -> list[str]:
    """Return the ids of a site's unfinished jobs, oldest first."""
    found = _unfinished(jobs.c.id, jobs.c.subdomain)
    query = select(found.c.id).where(found.c.subdomain == subdomain).order_by(found.c.id).limit(limit)
    return list(connection.execute(query).scalars())


def _job(row: RowMapping) -> dict[str, Any]:
    known = {priority.value: priority.name.lower() for priority in Priority}
    return _plain(row) | {"priority": known.get(row["priority"], str(row["priority"]))}


def _attempts(connection: Connection, job: RowMapping) -> list[dict[str, Any]]:
    query = select(attempts, workers.c.hostname.label("worker")).where(attempts.c.job_id == job["id"])
    query = query.outerjoin(workers, workers.c.instance == attempts.c.instance).order_by(attempts.c.attempt)
    rows = [_plain(row) for row in connection.execute(query).mappings()]
    if job["attempt"] and job["state"] in (JobState.RUNNING, JobState.COMPLETED):
        # Only attempts that failed have a row of their own; the job's row has the one that runs or succeeded.
        same = {key: job[key] for key in ("attempt", "instance", "pid", "started_at", "lease_until", "finished_at")}
        host = connection.execute(select(workers.c.hostname).where(workers.c.instance == job["instance"])).scalar()
        last = {"job_id": job["id"], **same, "outcome": job["state"], "error": None, "traceback": None, "worker": host}
        rows.append(_plain(last))
    return rows


def list_runs(
    connection: Connection,
    *,
    subdomain: str | None = None,
    state: RunState | None = None,
    before: str | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Return runs, newest first, each with its counts of jobs. `before`: only those older than this run."""
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
        listed = state in UNCOMPLETED
        query = query.where(is_in(runs.c.state, state, UNCOMPLETED) if listed else runs.c.state == constant(state))
    if before is not None:
        moment = require_run(connection, before)["created_at"]
        query = query.where(runs.c.created_at <= moment, or_(runs.c.created_at < moment, runs.c.id > before))
    return [_plain(row) for row in connection.execute(query).mappings()]


def require_run(connection: Connection, run_id: str) -> RowMapping:
    """Return a run's row; NotFoundError for an unknown id."""
    row = connection.execute(select(runs).where(runs.c.id == run_id)).mappings().first()
    if row is None:
        raise missing("run", run_id)
    return row


def show_run(connection: Connection, run_id: str, *, limit: int | None = None) -> dict[str, Any]:
    """Return one run with its stages and its newest jobs, all without a limit; NotFoundError for an unknown id."""
    row = require_run(connection, run_id)
    of_run = select(stages).where(stages.c.run_id == run_id).order_by(stages.c.position)
    return _plain(row) | {
        "stages": [_plain(stage) for stage in connection.execute(of_run).mappings()],
        "jobs": list_jobs(connection, JobFilter(run_id=run_id), limit=limit),
    }


def _unfinished(*columns: Column[Any]) -> Subquery:
    """Select columns of the unfinished jobs; OFFSET 0 makes both databases find these by their partial index."""
    return select(*columns).where(one_of(jobs.c.state, UNFINISHED)).offset(0).subquery()


def unfinished_kinds(connection: Connection) -> Sequence[Row[Any, Any, Any]]:
    """Return the subdomains, queues and job types of the unfinished jobs, each combination once."""
    return connection.execute(select(_unfinished(jobs.c.subdomain, jobs.c.queue, jobs.c.job_type)).distinct()).all()


def unfinished_by_site(connection: Connection, *, subdomain: str | None = None) -> dict[str, int]:
    """Return {subdomain: number of unfinished jobs} of the sites that have some, or of one site."""
    if subdomain is not None:
        query = select(func.count()).where(jobs.c.subdomain == subdomain, one_of(jobs.c.state, UNFINISHED))
        return {subdomain: connection.execute(query).scalar_one()}
    found = _unfinished(jobs.c.subdomain)
    rows = connection.execute(select(found.c.subdomain, func.count()).group_by(found.c.subdomain))
    return {row[0]: row[1] for row in rows}


def count_states(connection: Connection, *, subdomain: str | None = None) -> dict[str, int | None]:
    """Return {state: number of jobs}, every state named; completed is None among more than MOST_JOBS_COUNTED jobs."""
    of_site = [] if subdomain is None else [jobs.c.subdomain == subdomain]
    found: dict[JobState, int] = {}
    for states in (UNFINISHED, UNSUCCESSFUL):
        numbers = [func.count().filter(jobs.c.state == constant(state)) for state in states]
        row = connection.execute(select(*numbers).where(one_of(jobs.c.state, states), *of_site)).one()
        found.update(zip(states, row, strict=True))
    some = select(jobs.c.id).where(*of_site).limit(MOST_JOBS_COUNTED + 1).subquery()
    total = connection.execute(select(func.count()).select_from(some)).scalar_one()
    completed = total - sum(found.values()) if total <= MOST_JOBS_COUNTED else None
    return {state.value: found.get(state, completed) for state in JobState}


def backlog(connection: Connection, paused: Paused = NOTHING_PAUSED) -> list[dict[str, Any]]:
    """Return, for each queue with unfinished jobs, how many wait, retry and run, and since when the oldest waits.

    The oldest is one that is not `paused`.
    """
    oldest = func.min(case((and_(true(), *not_held(paused)), jobs.c.due_at)), type_=jobs.c.due_at.type)
    available = select(jobs.c.queue, func.count(), oldest).where(jobs.c.state == constant(JobState.AVAILABLE))
    found = {row[0]: _depth(row[0], available=row[1], oldest=row[2]) for row in _by_queue(connection, available)}
    for name, states in (("waiting", LATER), ("running", (JobState.RUNNING,)), ("held", (JobState.HELD,))):
        for row in _by_queue(connection, select(jobs.c.queue, func.count()).where(one_of(jobs.c.state, states))):
            found.setdefault(row[0], _depth(row[0]))[name] = row[1]
    return [_plain(found[queue]) for queue in sorted(found)]


def _by_queue(connection: Connection, query: Select[Any]) -> Sequence[Row[Any, Any, Any]]:
    return connection.execute(query.group_by(jobs.c.queue)).all()


def _depth(queue: str, **known: Any) -> dict[str, Any]:
    return {"queue": queue, "available": 0, "waiting": 0, "running": 0, "held": 0, "oldest": None} | known


def has_work(connection: Connection, queues: Sequence[str], job_types: Sequence[str], paused: Paused) -> bool:
    """Return whether a worker of these queues that knows these job types has something to do or to wait for.

    A running job counts, on any worker: that worker may die. One that is to be retried later, or is paused, does not.
    """
    served = jobs.c.queue.in_(queues)
    known = and_(served, jobs.c.job_type.in_(job_types), *not_held(paused))
    later = one_of(jobs.c.state, LATER)
    # Each by its own partial index.
    found = (
        exists().where(jobs.c.state == constant(JobState.RUNNING), served),
        exists().where(jobs.c.state == constant(JobState.AVAILABLE), known),
        exists().where(later, jobs.c.due_at <= now(), known),
    )
    return any(connection.execute(select(each)).scalar() for each in found)


def _plain(row: Any) -> dict[str, Any]:
    """Return a row as a dictionary that JSON can hold: moments as ISO 8601 in UTC."""
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in dict(row).items()}
