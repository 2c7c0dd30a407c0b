"""Record work, then publish it: what every command, schedule and plugin enqueues through."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import Connection, select

from clerk.collecting import uncollected
from clerk.database.held import HeldConnection
from clerk.database.tables import jobs_table as jobs
from clerk.database.transactions import own_transactions, reading, transaction
from clerk.errors import AnswerLost, BrokerUnavailable, ConflictError, DatabaseUnavailable, missing
from clerk.jobs import JobRequest
from clerk.pauses import paused_now
from clerk.run_ids import generate_run_id, validate_run_id
from clerk_tasks.broker.publisher import publisher
from clerk_tasks.job_types.registry import registry
from clerk_tasks.job_types.rq_keywords import split_rq_keywords
from clerk_tasks.ledger import limits
from clerk_tasks.ledger.insert import Message, NewJob, Recorded
from clerk_tasks.ledger.lone import Alone, record_alone
from clerk_tasks.ledger.publications import announce, answered, handful, register_queues
from clerk_tasks.ledger.queries import require_run
from clerk_tasks.pipeline import ask_plugins, stages_from
from clerk_tasks.recording import (
    grouped,
    new_job,
    parse_priority,
    record_groups,
    record_jobs,
    record_requests,
    require_site,
    require_sites,
)
from clerk_tasks.traced_runs import traced_job

logger = logging.getLogger(__name__)

#: How many sites one transaction of a batch is about: on SQLite it holds the lock of every other writer.
SITES_AT_ONCE = 500


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
    job_id: str | None = None,
    alongside: Callable[[Connection], None] | None = None,
) -> Enqueued:
    """Enqueue one job: one transaction, then one message. Raises what `enqueue_job` raises.

    A job type that begins a stage of the meetings pipeline brings the stages after it along. A `run_id` that is new
    begins a run, unless the job `joins` one: then NotFoundError. The job is due in `delay` seconds.

    No message is published while another is outstanding, unless `always_publish`, for a person who wants to know of a
    broker that is away. The job has the `job_id`, if there is one; `alongside` is called first in its transaction.
    """
    job = new_job(request, registry(), time_limit=time_limit, delay=delay)
    job = replace(job, id=job_id) if job_id else job
    publisher()  # a broker's address that is wrong is found before anything is recorded
    if run_id:
        validate_run_id(run_id)
    elif not (job.unique_key or job.limit_key or delay or alongside) and not stages_from(job.job_type):
        return _enqueue_alone(job, always_publish=always_publish)
    ask_plugins()
    wanted = not delay

    def record(connection: Connection) -> Recorded:
        nonlocal wanted
        if alongside:
            alongside(connection)
        require_site(connection, job.subdomain)
        if run_id and joins:
            require_run(connection, run_id)
        recorded = record_jobs(connection, [job], run_id=run_id)
        if recorded.conflicts:
            raise _conflict(recorded)
        wanted = wanted and not recorded.limit_keys and (announce(connection, job.queue) or always_publish)
        return recorded

    recorded = _recorded(record)
    admitted = _admitted(recorded)
    published = not (wanted or admitted) or publish([*recorded.messages, *admitted])
    if not published:
        _afterwards(answered, job.queue)
    return Enqueued(recorded.job_ids, {}, published)


def _enqueue_alone(job: NewJob, *, always_publish: bool) -> Enqueued:
    """Enqueue a job in a run of its own, over a connection that this thread keeps."""
    run_id = generate_run_id(job.subdomain)
    job = traced_job(job, run_id=run_id)
    held = own_transactions()
    if held.engine.dialect.name == "postgresql":
        with held.statement():
            pass  # connected: from here on, an error leaves it open whether the statement took effect
        alone = _in_one_statement(held, job, run_id)
    else:
        with held.transaction() as connection:
            alone = record_alone(connection, job, run_id=run_id)
    if not alone.recorded:
        raise missing("site", job.subdomain)
    if not alone.known:
        _afterwards(register_queues, [job.queue])
    if alone.limit_key:
        messages = _admitted(Recorded(limit_keys={alone.limit_key}))
    else:
        messages = [Message(job.id, job.job_type, job.queue, job.priority)]
    published = not messages or (alone.outstanding and not always_publish) or publish(messages)
    if not published:
        _afterwards(answered, job.queue)  # no message is outstanding: the next enqueue tries again
    return Enqueued([job.id], {}, published)


def _in_one_statement(held: HeldConnection, job: NewJob, run_id: str, *, again: bool = True) -> Alone:
    """Record a job; again if it is not there after an error: that a kept connection is closed is seen by its use."""
    try:
        with held.statement() as connection:
            return record_alone(connection, job, run_id=run_id)
    except DatabaseUnavailable as error:
        if _is_recorded(job.id, error):
            return Alone(recorded=True, outstanding=False, known=True)
        if not again:
            raise
    return _in_one_statement(held, job, run_id, again=False)


def _afterwards(note: Callable[[Connection, Any], None], about: Any) -> None:
    """Note something for later enqueues; the job is recorded, so a database that goes away now fails nothing."""
    with suppress(DatabaseUnavailable), own_transactions().statement() as connection:
        note(connection, about)


def _recorded(record: Callable[[Connection], Recorded]) -> Recorded:
    """Record jobs in a transaction; if only the answer to its COMMIT is lost, look whether they are there."""
    recorded = None
    try:
        with transaction() as connection:
            recorded = record(connection)
    except DatabaseUnavailable as error:
        lost = error.lost if isinstance(error, AnswerLost) else error
        if recorded is None or not recorded.job_ids or not _is_recorded(recorded.job_ids[0], lost):
            raise lost from error
    return recorded


def _is_recorded(job_id: str, error: DatabaseUnavailable) -> bool:
    """Return whether a job is recorded after all; raise an error that names the job if that cannot be seen."""
    try:
        with reading() as connection:
            return connection.execute(select(jobs.c.id).where(jobs.c.id == job_id)).scalar() is not None
    except DatabaseUnavailable:
        advice = f"Whether job {job_id} was recorded is not known: `clerk-tasks jobs show {job_id}` says it later."
        raise DatabaseUnavailable(f"{error} {advice}") from error


def _conflict(recorded: Recorded) -> ConflictError:
    key, winner = next(iter(recorded.conflicts.items()))
    return ConflictError(f"Job {winner} is already doing this ({key}); wait for it, or cancel it.")


def enqueue_many(requests: Sequence[JobRequest]) -> Enqueued:
    """Enqueue any number of jobs, one run per site, and publish once; unique keys already taken are skipped.

    All are validated, and all sites found, before any is recorded. Then each transaction records those of SITES_AT_ONCE
    sites at most, so that others can write in between: what they have recorded stays if the database then goes away.
    """
    publisher()
    ask_plugins()
    with uncollected():
        groups = grouped(requests)
        with reading() as connection:
            require_sites(connection, {group[0].subdomain for group in groups})
        total = Recorded()
        for start in range(0, len(groups), SITES_AT_ONCE):
            chunk = groups[start : start + SITES_AT_ONCE]
            total.add(_recorded(partial(record_groups, groups=chunk)))
    return Enqueued(total.job_ids, total.conflicts, publish([*total.messages, *_admitted(total)]))


def enqueue_chosen(choose: Callable[[Connection], Sequence[JobRequest]]) -> Enqueued:
    """Enqueue what `choose(connection)` returns, in the transaction in which it chooses.

    So "the next site" is taken by looking for it: two callers never choose the same.
    """
    publisher()
    ask_plugins()
    recorded = _recorded(lambda connection: record_requests(connection, choose(connection)))
    return Enqueued(recorded.job_ids, recorded.conflicts, publish([*recorded.messages, *_admitted(recorded)]))


def _admitted(recorded: Recorded) -> list[Message]:
    """Make what limits leave room for available; the relay does it later if the database goes away now."""
    messages: list[Message] = []
    with suppress(DatabaseUnavailable):
        for key in sorted(recorded.limit_keys):
            with transaction() as connection:
                messages += limits.admit(connection, key, paused_now(connection))
    return messages


def publish(messages: Sequence[Message]) -> bool:
    """Publish a few doorbells for recorded jobs; False if the broker cannot be reached, and a relay will do it."""
    try:
        publisher().publish(handful(messages))
    except BrokerUnavailable as error:
        reason = str(error).rstrip(".")
        logger.warning("%s. The work is recorded, and waits until the broker is back.", reason)
        return False
    return True
