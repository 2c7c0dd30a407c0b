"""Cancel jobs and runs, and publish the jobs that may run now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clerk.database.transactions import transaction
from clerk_tasks.dispatcher import publish
from clerk_tasks.ledger import interventions, queries

#: The number of jobs of a cancelled run that are returned.
_SHOWN = 100
#: Who cancels.
BY = "an operator"


def cancel_jobs(job_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Cancel jobs, all or none, and return them: waiting jobs are cancelled, running jobs are asked to stop.

    Raises NotFoundError for an unknown job, ConflictError for a job that has ended.
    """
    ids = sorted(set(job_ids))
    with transaction() as connection:
        messages = interventions.cancel_jobs(connection, ids, by=BY)
        cancelled = queries.job_states(connection, ids)
    publish(messages)
    return cancelled


def cancel_run(run_id: str) -> dict[str, Any]:
    """Cancel a run: its waiting jobs are cancelled, its running jobs are asked to stop; return it with its newest jobs.

    Raises NotFoundError for an unknown run, ConflictError for a run that has ended.
    """
    with transaction() as connection:
        messages = interventions.cancel_run(connection, run_id, by=BY)
        run = queries.show_run(connection, run_id, limit=_SHOWN)
    publish(messages)
    return run
