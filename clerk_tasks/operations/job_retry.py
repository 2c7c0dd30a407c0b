"""What an operator does to jobs and runs, published: cancel, and retry one by one or all that look alike."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from clerk.database.states import JobState
from clerk.database.tables import jobs_table as jobs
from clerk.database.transactions import reading, transaction
from clerk.errors import ConflictError, UsageError
from clerk_tasks.dispatcher import publish
from clerk_tasks.ledger import interventions
from clerk_tasks.operations.known import check_filters, parse_state

#: Who cancels.
BY = "an operator"
#: Where a job may be retried from.
RETRIED = (JobState.DISCARDED, JobState.CANCELLED)


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
    if parse_state(JobState, state) not in RETRIED:
        raise UsageError(f"Jobs that are {state} cannot be retried; use discarded or cancelled.")
    query = select(jobs.c.id).where(jobs.c.state == state).order_by(jobs.c.id)
    if error_like is not None:
        query = query.where(jobs.c.error.icontains(error_like, autoescape=True))
    for column, value in ((jobs.c.subdomain, subdomain), (jobs.c.job_type, job_type)):
        if value is not None:
            query = query.where(column == value)
    with reading() as connection:
        check_filters(connection, subdomain=subdomain, job_type=job_type)
        return list(connection.execute(query).scalars())


def retry(job_ids: Sequence[str], *, strict: bool) -> tuple[list[str], list[str]]:
    """Retry jobs and publish them; return their ids, and the reasons why others were refused.

    With `strict`, retry all or none: raise ConflictError if any job cannot be retried.
    """
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


def cancel(job_ids: Sequence[str]) -> dict[str, JobState]:
    """Cancel jobs, all or none, and publish what that has set free; return the state of each.

    One that runs is asked to stop. Raises NotFoundError or ConflictError.
    """
    with transaction() as connection:
        interventions.hold(connection, job_ids)
        cancelled = {job_id: interventions.cancel(connection, job_id, by=BY) for job_id in sorted(set(job_ids))}
    publish([message for _, messages in cancelled.values() for message in messages])
    return {job_id: state for job_id, (state, _) in cancelled.items()}


def cancel_run(run_id: str) -> None:
    """Cancel what a run has left; its running jobs are asked to stop. Raises NotFoundError or ConflictError."""
    with transaction() as connection:
        messages = interventions.cancel_run(connection, run_id, by=BY)
    publish(messages)
