"""Record work, then publish it: what every command, schedule and plugin enqueues through."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, select

from clerk.database.engine import engine
from clerk.database.tables import sites_table as sites
from clerk.database.transactions import serialise, transaction
from clerk.errors import BrokerUnavailable, ConflictError, DatabaseUnavailable, UsageError, missing
from clerk.jobs import JobRequest, JobType, Priority
from clerk.paths import validate_subdomain
from clerk.run_ids import generate_run_id, validate_run_id
from clerk.stage import MEETINGS
from clerk_tasks.broker.publisher import publisher
from clerk_tasks.job_types.arguments import prepare
from clerk_tasks.job_types.registry import Registry, registry
from clerk_tasks.job_types.rq_keywords import split_rq_keywords
from clerk_tasks.job_types.signatures import signature
from clerk_tasks.ledger.compiled import Compiled
from clerk_tasks.ledger.insert import Message, NewJob, NewStage, Recorded
from clerk_tasks.ledger.publications import republish_now
from clerk_tasks.ledger.queries import require_run
from clerk_tasks.ledger.runs import record_run
from clerk_tasks.ledger.site_columns import project
from clerk_tasks.pipeline import stages_from

logger = logging.getLogger(__name__)

#: Locked, so that the site cannot be removed before its jobs are visible; only a removal waits for it.
_SITE = Compiled(
    select(sites.c.subdomain)
    .where(sites.c.subdomain == bindparam("subdomain"))
    .with_for_update(read=True, key_share=True)
)


@dataclass(frozen=True, slots=True)
class Enqueued:
    """What was recorded: job ids, {unique key: id of the unfinished job that has it}, and whether it was published."""

    job_ids: list[str]
    conflicts: Mapping[str, str]
    published: bool


def enqueue_job(job_type: str, site_id: str, priority: str = "normal", run_id: str | None = None, **kwargs: Any) -> str:
    """Enqueue one job for a site and return its id, as the RQ-based clerk did.

    Raises NotFoundError (a ValueError that lists the known job types) or UsageError before anything is recorded,
    and ConflictError, which names the winner, when a unique job of the same key is unfinished.
    """
    arguments, time_limit = split_rq_keywords(registry().get(job_type).job_type.function, kwargs)
    request = JobRequest(job_type, site_id, arguments, priority=parse_priority(priority))
    return enqueue(request, run_id=run_id, time_limit=time_limit).job_ids[0]


def enqueue(
    request: JobRequest, *, run_id: str | None = None, joins: bool = False, time_limit: float | None = None
) -> Enqueued:
    """Enqueue one job: one transaction, then one message. Raises what `enqueue_job` raises.

    A job type that begins a stage of the meetings pipeline brings the stages after it along. A `run_id` that is new
    begins a run, unless the job `joins` one: then NotFoundError.
    """
    job = new_job(request, registry(), time_limit=time_limit)
    if run_id:
        validate_run_id(run_id)
    with transaction() as connection:
        _require_site(connection, job.subdomain)
        if run_id and joins:
            require_run(connection, run_id)
        recorded = _record(connection, [job], run_id=run_id)
        if recorded.conflicts:
            raise _conflict(recorded)
    return Enqueued(recorded.job_ids, {}, publish(recorded.messages))


def _conflict(recorded: Recorded) -> ConflictError:
    key, winner = next(iter(recorded.conflicts.items()))
    return ConflictError(f"Job {winner} is already doing this ({key}); wait for it, or cancel it.")


def enqueue_many(requests: Sequence[JobRequest]) -> Enqueued:
    """Enqueue any number of jobs in one transaction and one publish; unique keys already taken are skipped."""
    return enqueue_chosen(lambda _: requests)


def enqueue_chosen(choose: Callable[[Connection], Sequence[JobRequest]]) -> Enqueued:
    """Enqueue what `choose(connection)` returns, in the transaction in which it chooses.

    So "the next site" is taken by looking for it: two callers never choose the same.
    """
    with transaction() as connection:
        recorded = record_requests(connection, choose(connection))
    return Enqueued(recorded.job_ids, recorded.conflicts, publish(recorded.messages))


def record_requests(connection: Connection, requests: Sequence[JobRequest]) -> Recorded:
    """Record jobs, one run per site, in the caller's transaction; publish the messages after the commit."""
    known = registry()
    new_jobs = [new_job(request, known) for request in requests]
    total = Recorded()
    for (subdomain, begins), group in groupby(sorted(new_jobs, key=_run_key), key=_run_key):
        _require_site(connection, subdomain)
        with connection.begin_nested() as savepoint:
            recorded = _record(connection, list(group), run_id=None)
            if recorded.conflicts and (begins or not recorded.messages):
                savepoint.rollback()  # another passage of this site is already under way
                recorded = Recorded(conflicts=recorded.conflicts)
        total.messages += recorded.messages
        total.job_ids += recorded.job_ids
        total.conflicts.update(recorded.conflicts)
    return total


def _run_key(job: NewJob) -> tuple[str, str]:
    """Return what jobs share that are recorded as one run: the site, and the passage that they begin, if they do."""
    return job.subdomain, job.job_type if stages_from(job.job_type) else ""


def _record(connection: Connection, new_jobs: Sequence[NewJob], *, run_id: str | None) -> Recorded:
    first = new_jobs[0]
    passage = stages_from(first.job_type)
    known = registry()
    following = [
        NewStage(
            name=stage.name,
            jobs=[new_job(JobRequest(stage.job_type, first.subdomain), known)],
            tolerance=stage.tolerance,
        )
        for stage in passage[1:]
    ]
    begin = NewStage(
        name=passage[0].name if passage else first.job_type,
        jobs=new_jobs,
        tolerance=passage[0].tolerance if passage else 0.0,
    )
    if run_id:
        serialise(connection, f"run {run_id}")
    run_id = run_id or generate_run_id(first.subdomain)
    recorded = record_run(
        connection,
        run_id,
        subdomain=first.subdomain,
        pipeline=MEETINGS if passage else first.job_type,
        new_stages=[begin, *following],
    )
    if passage:
        project(connection, run_id)
    return recorded


def _require_site(connection: Connection, subdomain: str) -> None:
    if _SITE(connection, {"subdomain": subdomain}) is None:
        raise missing("site", subdomain)


def new_job(request: JobRequest, known: Registry, *, time_limit: float | None = None) -> NewJob:
    """Validate a request against its job type; raises NotFoundError or UsageError."""
    job_type = known.get(request.job_type).job_type
    subdomain = validate_subdomain(request.subdomain)
    arguments = prepare(job_type.function, request.arguments)
    return NewJob(
        job_type=request.job_type,
        subdomain=subdomain,
        arguments=arguments,
        queue=job_type.queue,
        priority=Priority(request.priority),
        max_attempts=job_type.max_attempts,
        backoff=job_type.backoff,
        time_limit=time_limit or job_type.time_limit,
        unique_key=_unique_key(job_type, request.job_type, subdomain, arguments),
        stage=request.stage,
    )


def _unique_key(job_type: JobType, name: str, subdomain: str, arguments: Mapping[str, Any]) -> str | None:
    if not job_type.unique:
        return None
    template = "{job_type}:{subdomain}" if job_type.unique is True else job_type.unique
    given = signature(job_type.function).defaults | dict(arguments)
    try:
        return template.format(**given | {"job_type": name, "subdomain": subdomain})
    except KeyError as missing:
        raise UsageError(f"Job type {name} is unique by {missing}; give that argument.") from None


def parse_priority(text: str) -> Priority:
    """Return the priority that a word names; UsageError lists the words."""
    try:
        return Priority[text.upper()]
    except (KeyError, AttributeError):
        words = ", ".join(priority.name.lower() for priority in Priority)
        raise UsageError(f"Unknown priority {text!r}; use one of {words}.") from None


def publish(messages: Sequence[Message], *, on: Engine | None = None) -> bool:
    """Publish the doorbells of recorded jobs; False if the broker cannot be reached, and the relay will do it."""
    if not messages:
        return True
    try:
        publisher().publish(messages)
    except BrokerUnavailable as error:
        reason = str(error).rstrip(".")
        logger.warning("%s. The work is recorded, and waits until the broker is back.", reason)
        _leave_to_relay(messages, on or engine())
        return False
    return True


def _leave_to_relay(messages: Sequence[Message], on: Engine) -> None:
    # Without this the relay publishes them a little later: what is recorded must not look like a failure.
    with suppress(DatabaseUnavailable), transaction(on) as connection:
        republish_now(connection, [message.job_id for message in messages])
