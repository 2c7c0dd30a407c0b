"""Retry dead letters by hand: one by one, or all that look alike."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from clerk.db import reading, transaction
from clerk.errors import ConflictError, UsageError
from clerk.ledger import operators
from clerk.models import jobs_table as jobs
from clerk.states import JobState
from clerk_tasks.dispatcher import ring
from clerk_tasks.filters import check_filters


def choose(
    state: JobState | None, *, error_like: str | None = None, subdomain: str | None = None, job_type: str | None = None
) -> list[str]:
    """Return the ids of the ended jobs in a state, oldest first, narrowed by text in the error, site and job type."""
    if state not in (JobState.DISCARDED, JobState.CANCELLED):
        raise UsageError(f"Jobs that are {state} cannot be retried; use discarded or cancelled.")
    query = select(jobs.c.id).where(jobs.c.state == state.value).order_by(jobs.c.id)
    if error_like is not None:
        query = query.where(jobs.c.error.icontains(error_like, autoescape=True))
    for column, value in ((jobs.c.subdomain, subdomain), (jobs.c.job_type, job_type)):
        if value is not None:
            query = query.where(column == value)
    with reading() as connection:
        check_filters(connection, subdomain=subdomain, job_type=job_type)
        return list(connection.execute(query).scalars())


def retry(job_ids: Sequence[str], *, strict: bool) -> tuple[list[str], list[str]]:
    """Retry jobs and publish them; return the ids, and why others could not be.

    With `strict` one that cannot be retried is an error, and none is.
    """
    bells, refused = [], []
    if strict:
        with transaction() as connection:
            operators.hold(connection, job_ids)
            bells = [operators.retry(connection, job_id) for job_id in sorted(set(job_ids))]
    else:
        for job_id in job_ids:
            try:
                with transaction() as connection:
                    bells.append(operators.retry(connection, job_id))
            except ConflictError as error:
                refused.append(str(error))
    ring(bells)
    return [bell.job_id for bell in bells], refused
