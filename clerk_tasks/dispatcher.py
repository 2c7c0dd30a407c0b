"""Record work, then publish it: what every command, schedule and plugin enqueues through."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, bindparam, select

from clerk.database.tables import sites_table as sites
from clerk.database.transactions import own_transactions, reading, serialise, transaction
from clerk.errors import BrokerUnavailable, ConflictError, UsageError, missing
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
from clerk_tasks.ledger.lone import record_alone
from clerk_tasks.ledger.publications import announce, answered, handful, register_queues
from clerk_tasks.ledger.queries import require_run
from clerk_tasks.ledger.runs import record_run
from clerk_tasks.ledger.site_columns import project
from clerk_tasks.pipeline import ask_plugins, stages_from

logger = logging.getLogger(__name__)

#: How many sites one transaction of a batch is about: on SQLite it holds the lock of every other writer.
SITES_AT_ONCE = 500

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
    request: JobRequest,
    *,
    run_id: str | None = None,
    joins: bool = False,
    time_limit: float | None = None,
    delay: float = 0.0,
    always_publish: bool = False,
) -> Enqueued:
    """Enqueue one job: one transaction, then one message. Raises what `enqueue_job` raises.

    A job type that begins a stage of the meetings pipeline brings the stages after it along. A `run_id` that is new
    begins a run, unless the job `joins` one: then NotFoundError. The job is due in `delay` seconds.

    No message is published while another is outstanding, unless `always_publish`, for a person who wants to know of a
    broker that is away.
    """
    job = new_job(request, registry(), time_limit=time_limit, delay=delay)
    if run_id:
        validate_run_id(run_id)
    elif not job.unique_key and not delay and not stages_from(job.job_type):
        return _enqueue_alone(job, always_publish=always_publish)
    ask_plugins()
    with transaction() as connection:
        _require_site(connection, job.subdomain)
        if run_id and joins:
            require_run(connection, run_id)
        recorded = _record(connection, [job], run_id=run_id)
        if recorded.conflicts:
            raise _conflict(recorded)
        wanted = not delay and (announce(connection, job.queue) or always_publish)
    return Enqueued(recorded.job_ids, {}, publish(recorded.messages) if wanted else True)


def _enqueue_alone(job: NewJob, *, always_publish: bool) -> Enqueued:
    """Enqueue a job in a run of its own, over a connection that this thread keeps."""
    run_id = generate_run_id(job.subdomain)
    held = own_transactions()
    if held.engine.dialect.name == "postgresql":
        with held.statement() as connection:
            recorded, outstanding, known = record_alone(connection, job, run_id=run_id)
        if not recorded:
            raise missing("site", job.subdomain)
        if not known:
            with held.statement() as connection:
                register_queues(connection, [job.queue])
    else:
        with held.transaction() as connection:
            _require_site(connection, job.subdomain)
            _record(connection, [job], run_id=run_id)
            outstanding = not announce(connection, job.queue)
    message = Message(job.id, job.job_type, job.queue, job.priority)
    published = (outstanding and not always_publish) or publish([message])
    if not published:
        with held.statement() as connection:
            answered(connection, job.queue)  # the message is not outstanding: the next enqueue tries again
    return Enqueued([job.id], {}, published)


def _conflict(recorded: Recorded) -> ConflictError:
    key, winner = next(iter(recorded.conflicts.items()))
    return ConflictError(f"Job {winner} is already doing this ({key}); wait for it, or cancel it.")


def enqueue_many(requests: Sequence[JobRequest]) -> Enqueued:
    """Enqueue any number of jobs, one run per site, and publish once; unique keys already taken are skipped.

    All are validated, and all sites found, before any is recorded. Then each transaction records those of SITES_AT_ONCE
    sites at most, so that others can write in between.
    """
    groups = _grouped(requests)
    with reading() as connection:
        _require_sites(connection, {jobs[0].subdomain for jobs in groups})
    total = Recorded()
    for start in range(0, len(groups), SITES_AT_ONCE):
        with transaction() as connection:
            recorded = _record_groups(connection, groups[start : start + SITES_AT_ONCE])
        total.add(recorded)
    return Enqueued(total.job_ids, total.conflicts, publish(total.messages))


def enqueue_chosen(choose: Callable[[Connection], Sequence[JobRequest]]) -> Enqueued:
    """Enqueue what `choose(connection)` returns, in the transaction in which it chooses.

    So "the next site" is taken by looking for it: two callers never choose the same.
    """
    ask_plugins()
    with transaction() as connection:
        recorded = record_requests(connection, choose(connection))
    return Enqueued(recorded.job_ids, recorded.conflicts, publish(recorded.messages))


def record_requests(connection: Connection, requests: Sequence[JobRequest]) -> Recorded:
    """Record jobs, one run per site, in the caller's transaction; publish the messages after the commit."""
    return _record_groups(connection, _grouped(requests))


def _grouped(requests: Sequence[JobRequest]) -> list[list[NewJob]]:
    """Validate requests; return the jobs of each run to be: those of a site, those that begin a passage apart."""
    known = registry()
    new_jobs = [new_job(request, known) for request in requests]
    passages = {name: name if stages_from(name) else "" for name in {job.job_type for job in new_jobs}}

    def run_key(job: NewJob) -> tuple[str, str]:
        return job.subdomain, passages[job.job_type]

    return [list(group) for _, group in groupby(sorted(new_jobs, key=run_key), key=run_key)]


def _record_groups(connection: Connection, groups: Sequence[list[NewJob]]) -> Recorded:
    total = Recorded()
    for new_jobs in groups:
        _require_site(connection, new_jobs[0].subdomain)
        with connection.begin_nested() as savepoint:
            recorded = _record(connection, new_jobs, run_id=None)
            if recorded.conflicts and (stages_from(new_jobs[0].job_type) or not recorded.messages):
                savepoint.rollback()  # another passage of this site is already under way
                recorded = Recorded(conflicts=recorded.conflicts)
        total.add(recorded)
    return total


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


def _require_sites(connection: Connection, subdomains: set[str]) -> None:
    known = set(connection.execute(select(sites.c.subdomain)).scalars())
    for subdomain in sorted(subdomains - known):
        raise missing("site", subdomain)


def _require_site(connection: Connection, subdomain: str) -> None:
    if _SITE(connection, {"subdomain": subdomain}) is None:
        raise missing("site", subdomain)


def new_job(request: JobRequest, known: Registry, *, time_limit: float | None = None, delay: float = 0.0) -> NewJob:
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
        delay=delay,
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


def publish(messages: Sequence[Message]) -> bool:
    """Publish a few doorbells for recorded jobs; False if the broker cannot be reached, and a relay will do it."""
    try:
        publisher().publish(handful(messages))
    except BrokerUnavailable as error:
        reason = str(error).rstrip(".")
        logger.warning("%s. The work is recorded, and waits until the broker is back.", reason)
        return False
    return True
