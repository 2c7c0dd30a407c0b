"""Explain one job, or a site's work: why it has not run, or did not finish, and what would change that."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, tuple_

from clerk.database.clock import database_time
from clerk.database.literals import constant
from clerk.database.states import UNFINISHED, JobState, StageState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import stages_table as stages
from clerk.database.tables import workers_table as workers
from clerk.database.transactions import reading
from clerk.errors import BrokerUnavailable, NotFoundError
from clerk.jobs import Priority
from clerk.paths import validate_subdomain
from clerk.pauses import EVERYTHING, Pause, active_pauses, find_pause
from clerk.plugin.loader import quarantined
from clerk.plugin.registered import BUILT_IN_NAME
from clerk.settings import settings
from clerk_tasks.broker.publisher import publisher
from clerk_tasks.job_types.registry import registry
from clerk_tasks.ledger import limits, queries
from clerk_tasks.ledger.job_filter import JobFilter
from clerk_tasks.operations.future_times import future_times_of
from clerk_tasks.operations.known import check_site
from clerk_tasks.operations.limits import in_words
from clerk_tasks.operations.listing import last_traceback
from clerk_tasks.operations.queue_coverage import how_to_serve, live_workers, silence, workers_by_queue
from clerk_tasks.operations.wording import counted

#: How many of a site's jobs are explained one by one.
MOST = 10
#: The states in which a job's note says more than its state.
_NOTED = (JobState.AVAILABLE, JobState.RUNNING, JobState.CANCELLED, JobState.COMPLETED, JobState.DISCARDED)
#: How much of a result is shown, in characters.
MUCH = 2000


def explain(what: str) -> list[str]:
    """Return lines about a job (by id) or a site (by subdomain); NotFoundError if it is neither."""
    validate_subdomain(what)  # a job's id is one, too
    with reading() as connection:
        with suppress(NotFoundError):
            return list(_jobs(connection, [what]))
        with suppress(NotFoundError):
            check_site(connection, what)
            paused = find_pause(connection, "site", what)
            return [*([f"{paused}."] if paused else []), *_site(connection, what)]
    raise NotFoundError(
        f"There is no job and no site {what!r}: `clerk-tasks jobs list` and `clerk-tasks sites list` list them."
    )


def _site(connection: Connection, subdomain: str) -> Iterator[str]:
    unfinished = queries.unfinished_jobs(connection, subdomain=subdomain, limit=MOST + 1)
    yield from _jobs(connection, unfinished[:MOST])
    if len(unfinished) > MOST:
        yield f"There are more unfinished jobs: `clerk-tasks jobs list --subdomain {subdomain}`."
    if unfinished:
        return
    runs = queries.list_runs(connection, subdomain=subdomain, limit=1)
    if not runs:
        yield f"{subdomain}: nothing was enqueued for it, or what was has been pruned."
        return
    run = runs[0]
    yield f"{subdomain}: nothing is unfinished; the last run, {run['id']} ({run['pipeline']}), is {run['state']}."
    for state in (JobState.DISCARDED, JobState.CANCELLED):
        ended = queries.list_jobs(connection, JobFilter(run_id=run["id"], state=state), limit=MOST)
        yield from _jobs(connection, [job["id"] for job in ended])


def _jobs(connection: Connection, job_ids: Sequence[str]) -> Iterator[str]:
    """Explain jobs one by one; then ask the broker about each of their queues once."""
    found = [queries.show_job(connection, job_id) for job_id in job_ids]
    available = [job for job in found if job["state"] == JobState.AVAILABLE]
    ahead = _count_ahead(connection, available)
    for job in found:
        yield from _job(connection, job | {"ahead": ahead.get(job["id"])})
    yield from map(_depth, sorted({job["queue"] for job in available}))


def _job(connection: Connection, job: dict[str, Any]) -> Iterator[str]:
    yield f"Job {job['id']} ({job['job_type']} of {job['subdomain']}) is {job['state']}."
    if job["state"] in UNFINISHED and job["state"] != JobState.RUNNING:
        yield from (f"  {pause}." for pause in _pauses_of(connection, job))
    yield from (f"  {line}" for line in _EXPLAIN.get(job["state"], _unknown)(connection, job))
    yield from (f"  {line}" for line in future_times_of(connection, job["id"]))
    if job["note"] and job["state"] in _NOTED:
        yield f"  Note: {job['note']}"
    registered = registry().job_types.get(job["job_type"])
    if (job["error"] or job["note"]) and registered and registered.plugin != BUILT_IN_NAME:
        yield f"  Its code: {registered.origin}."
    for attempt in job["attempts"]:
        where = f"{attempt['worker'] or 'unknown worker'}, process {attempt['pid']}"
        lease = f", lease until {attempt['lease_until']}" if attempt["lease_until"] else ""
        error = f": {attempt['error']}" if attempt["error"] else ""
        began, ended = attempt["started_at"], attempt["finished_at"] or "now"
        yield f"  Attempt {attempt['attempt']}, {began} to {ended}, on {where}{lease}: {attempt['outcome']}{error}"
    yield from (f"    {line}" for line in last_traceback(job))


def _pauses_of(connection: Connection, job: dict[str, Any]) -> list[Pause]:
    """Return the pauses that keep a job from being claimed."""
    named = {("queue", job["queue"]), ("type", job["job_type"]), ("site", job["subdomain"]), ("all", EVERYTHING)}
    return [pause for pause in active_pauses(connection) if (pause.kind, pause.name) in named]


def _scheduled(connection: Connection, job: dict[str, Any]) -> Iterator[str]:
    if job["due_at"] is not None:
        yield f"It is due at {job['due_at']}."
        return
    before = connection.execute(
        select(stages.c.name, stages.c.remaining)
        .where(stages.c.run_id == job["run_id"], stages.c.state == constant(StageState.OPEN))
        .order_by(stages.c.position)
    ).first()
    if before:
        yield f"It waits for stage {before.name} of run {job['run_id']}, where {before.remaining} jobs remain."
    else:
        yield f"It waits for a stage of run {job['run_id']}, but no stage is open: run `clerk-tasks doctor --fix`."


def _available(connection: Connection, job: dict[str, Any]) -> Iterator[str]:
    yield f"It waits in queue {job['queue']}, with {job['ahead']} jobs before it, since {job['due_at']}."
    yield from _servers(connection, job)


def _held(connection: Connection, job: dict[str, Any]) -> Iterator[str]:
    key = select(jobs.c.limit_key).where(jobs.c.id == job["id"]).scalar_subquery()
    same = select(func.count()).where(jobs.c.limit_key == key)
    running, held = (
        connection.execute(same.where(jobs.c.state == constant(state))).scalar_one()
        for state in (JobState.RUNNING, JobState.HELD)
    )
    allowed = in_words(limits.effective(connection, job["job_type"]))
    yield f"It waits since {job['due_at']} for the limit of {job['job_type']}: {allowed}. {running} run, {held} wait."
    yield from _servers(connection, job)


def _count_ahead(connection: Connection, waiting: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Return how many available jobs come before each of these in its queue, reading them once."""
    if not waiting:
        return {}
    place = tuple_(jobs.c.priority, jobs.c.turn, jobs.c.id)
    own = jobs.alias("own")
    turn = {job["id"]: select(own.c.turn).where(own.c.id == job["id"]).scalar_subquery() for job in waiting}
    numbers = [
        func.count().filter(jobs.c.queue == job["queue"], place < tuple_(_rank(job), turn[job["id"]], job["id"]))
        for job in waiting
    ]
    row = connection.execute(select(*numbers).where(jobs.c.state == constant(JobState.AVAILABLE))).one()
    return {job["id"]: number for job, number in zip(waiting, row, strict=True)}


def _rank(job: dict[str, Any]) -> int:
    """Return a job's priority as its row has it: some other program may have written any number."""
    name: str = job["priority"]
    return Priority[name.upper()] if name.upper() in Priority.__members__ else int(name) if name.isdecimal() else 0


def _depth(queue: str) -> str:
    try:
        return f"The broker holds {publisher().depth(queue)} messages of queue {queue}."
    except BrokerUnavailable as error:
        return str(error)


def _servers(connection: Connection, job: dict[str, Any]) -> Iterator[str]:
    """Say which workers could run it."""
    live = workers_by_queue(connection).get(job["queue"], [])
    able = [worker for worker in live if job["job_type"] in worker.job_types]
    if able:
        yield f"Workers that serve it: {', '.join(f'{w.hostname} process {w.pid}' for w in able)}."
    elif live:
        yield (
            f"Workers serve queue {job['queue']}, but none of them knows {job['job_type']}: "
            "install its plugin there, or restart them if it is newer than they are."
        )
    else:
        yield f"No worker serves queue {job['queue']}: {how_to_serve(job['queue'])}."
    if job["job_type"] not in registry().job_types:
        yield f"No plugin here has job type {job['job_type']}."
        yield from (f"Quarantined: {entry}" for entry in quarantined())


def _running(connection: Connection, job: dict[str, Any]) -> Iterator[str]:
    yield f"It has been running since {job['started_at']}; its time limit is {job['time_limit']:g} s."
    if job["lease_until"]:
        yield _lease(connection, job["lease_until"], job["instance"])
    if job["cancel_requested_at"]:
        yield f"It was asked to stop at {job['cancel_requested_at']}."


def _lease(connection: Connection, until: str, instance: str) -> str:
    """Say what the age of a lease and the last heartbeat of its owner mean."""
    current = database_time(connection)
    left = (datetime.fromisoformat(until) - current).total_seconds()
    seen = connection.execute(select(workers.c.seen_at).where(workers.c.instance == instance)).scalar()
    silent = None if seen is None else (current - seen).total_seconds()
    if left > 2 * settings().lease:
        return f"Its lease ends at {until}, later than any lease does."
    if left > 0 and silent is not None and silent <= silence():
        return f"Its worker was alive {max(0.0, silent):.0f} s ago; its lease ends at {until} unless it is renewed."
    if left > 0:
        heard = "is not registered" if silent is None else f"has not been heard of for {silent:.0f} s"
        return f"Its worker {heard}; its lease ends at {until}, and another worker may take the job over then."
    if live_workers(connection):
        return f"Its lease ended {-left:.0f} s ago and was not renewed; the relay of another worker takes the job over."
    return f"Its lease ended {-left:.0f} s ago and no worker is running to take the job over: start a worker."


def _retryable(connection: Connection, job: dict[str, Any]) -> Iterator[str]:
    due = f"is due at {job['due_at']}." if job["due_at"] else "has no time: run `clerk-tasks doctor --fix`."
    yield f"Attempt {job['attempt']} of {job['max_attempts']} did not complete it; the next {due}"
    yield from _servers(connection, job)


def _discarded(_connection: Connection, job: dict[str, Any]) -> Iterator[str]:
    yield f"It ended as a dead letter after {counted(job['attempt'], 'attempt')}: {job['error']}"
    yield f"Once the cause is fixed: `clerk-tasks jobs retry {job['id']}`; if it is to stay so: `jobs dismiss`."


def _cancelled(_connection: Connection, job: dict[str, Any]) -> Iterator[str]:
    yield f"It was cancelled at {job['finished_at']}{': ' + job['error'] if job['error'] else ''}."


def _completed(_connection: Connection, job: dict[str, Any]) -> Iterator[str]:
    yield f"It completed at {job['finished_at']}."
    if job["result"]:
        yield f"It returned {json.dumps(job['result'], ensure_ascii=False)[:MUCH]}."


def _unknown(_connection: Connection, job: dict[str, Any]) -> Iterator[str]:
    yield f"No program of this version knows the state {job['state']}: `clerk-tasks doctor --fix` cancels it."


_EXPLAIN: dict[str, Callable[[Connection, dict[str, Any]], Iterator[str]]] = {
    JobState.SCHEDULED: _scheduled,
    JobState.AVAILABLE: _available,
    JobState.HELD: _held,
    JobState.RUNNING: _running,
    JobState.RETRYABLE: _retryable,
    JobState.DISCARDED: _discarded,
    JobState.CANCELLED: _cancelled,
    JobState.COMPLETED: _completed,
}
