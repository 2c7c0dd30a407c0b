"""Retry dead letters and cancelled jobs: those that are named, or all that match."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from clerk.database.literals import is_in
from clerk.database.states import UNSUCCESSFUL, JobState
from clerk.database.tables import jobs_table as jobs
from clerk.database.transactions import reading, transaction
from clerk.errors import ConflictError, UsageError
from clerk_tasks.dispatcher import publish
from clerk_tasks.ledger import interventions
from clerk_tasks.operations.known import check_filters, parse_state


def choose(
    job_ids: Sequence[str] | None,
    state: str | None,
    *,
    error_like: str | None = None,
    subdomain: str | None = None,
    job_type: str | None = None,
) -> Sequence[str]:
    """Return the jobs that are named, or else those in a state, oldest first, narrowed by error, site and job type.

    Raises UsageError unless it is the one or the other, and a state that a job can be retried from.
    """
    narrowed = any(value is not None for value in (error_like, subdomain, job_type))
    if bool(job_ids) == bool(state) or (job_ids and narrowed):
        raise UsageError("Name jobs by id, or choose them with --state discarded and further filters.")
    if job_ids:
        return job_ids
    wanted = parse_state(JobState, state)
    if wanted is None or wanted not in UNSUCCESSFUL:
        raise UsageError(f"Jobs that are {state} cannot be retried; use discarded or cancelled.")
    query = select(jobs.c.id).where(is_in(jobs.c.state, wanted, UNSUCCESSFUL)).order_by(jobs.c.id)
    if error_like is not None:
        query = query.where(jobs.c.error.icontains(error_like, autoescape=True))
    for column, value in ((jobs.c.subdomain, subdomain), (jobs.c.job_type, job_type)):
        if value is not None:
            query = query.where(column == value)
    with reading() as connection:
        check_filters(connection, subdomain=subdomain, job_type=job_type)
        return list(connection.execute(query).scalars())


def retry(job_ids: Sequence[str], *, strict: bool, dry_run: bool = False) -> tuple[list[str], list[str]]:
    """Retry jobs and publish them; return their ids, and the reasons why others were refused.

    With `strict`, retry all or none: raise ConflictError if any job cannot be retried. With `dry_run`, change nothing.
    """
    if dry_run:
        return _could_be_retried(job_ids, strict=strict)
    messages, refused = [], []
    if strict:
        with transaction() as connection:
            interventions.hold(connection, job_ids)
            messages = [interventions.retry(connection, job_id) for job_id in sorted(set(job_ids))]
    else:
        for job_id in job_ids:
            try:
                with transaction() as connection:
                    messages.append(interventions.retry(connection, job_id))
            except ConflictError as error:
                refused.append(str(error))
    publish(messages)
    return [message.job_id for message in messages], refused


def _could_be_retried(job_ids: Sequence[str], *, strict: bool) -> tuple[list[str], list[str]]:
    taken: dict[str, str] = {}
    refused = []
    found = []
    with reading() as connection:
        for job_id in sorted(set(job_ids)):
            try:
                key = interventions.require_retryable(connection, job_id).unique_key
                if key and taken.setdefault(key, job_id) != job_id:
                    raise ConflictError(f"Job {taken[key]} has the same unique key ({key}) as job {job_id}.")
            except ConflictError as error:
                if strict:
                    raise
                refused.append(str(error))
            else:
                found.append(job_id)
    return found, refused
