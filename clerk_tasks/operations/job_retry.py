"""Retry dead letters and cancelled jobs: those that are named, or all that match."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from clerk.database.literals import batched, is_in
from clerk.database.states import UNSUCCESSFUL, JobState
from clerk.database.tables import jobs_table as jobs
from clerk.database.transactions import reading, transaction
from clerk.errors import UsageError
from clerk_tasks.dispatcher import publish
from clerk_tasks.ledger.retries import Retried, UniqueKeyTaken, refusals, retry_jobs
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

    With `strict`, retry all or none: raise NotFoundError or ConflictError if any job cannot be retried. Without,
    a transaction retries PASS of them, so that others can write in between. With `dry_run`, change nothing.
    """
    total = Retried()
    ids = sorted(set(job_ids))
    for some in [ids] if strict else batched(ids):
        # A job of a run that was reopened for one before it goes on already.
        chosen = [job_id for job_id in some if job_id not in total.job_ids]
        done = _retry(chosen, strict=strict, dry_run=dry_run)
        total.job_ids |= done.job_ids
        total.messages += done.messages
        total.refused |= done.refused
    publish(total.messages)
    refused = list(dict.fromkeys(str(error) for error in total.refused.values()))
    return [job_id for job_id in ids if job_id in total.job_ids], refused


def _retry(job_ids: Sequence[str], *, strict: bool, dry_run: bool) -> Retried:
    for last in (False, False, True):
        try:
            with reading() if dry_run else transaction() as connection:
                done = refusals(connection, job_ids) if dry_run else retry_jobs(connection, job_ids)
                if strict and done.refused:
                    raise next(iter(done.refused.values()))
                return done
        except UniqueKeyTaken:  # by a job that was enqueued meanwhile, which the next look finds
            if last:
                raise
    raise AssertionError
