"""Cancel jobs and runs, and publish the jobs that may run now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clerk.acts import by_with, named, record_act
from clerk.database.transactions import transaction
from clerk_tasks.dispatcher import publish
from clerk_tasks.ledger import interventions, queries

#: The number of jobs of a cancelled run that are returned.
_SHOWN = 100


def cancel_jobs(job_ids: Sequence[str], *, reason: str | None = None, dry_run: bool = False) -> list[dict[str, Any]]:
    """Cancel jobs, all or none, and return them: waiting jobs are cancelled, running jobs are asked to stop.

    With `dry_run`, nothing is changed in the end. Raises NotFoundError for an unknown job, ConflictError for a job that
    has ended.
    """
    ids = sorted(set(job_ids))
    with transaction() as connection:
        messages = interventions.cancel_jobs(connection, ids, by=by_with(reason))
        record_act(connection, "cancel", named("job", ids), number=len(ids), reason=reason)
        cancelled = queries.job_states(connection, ids)
        if dry_run:
            connection.rollback()
            return cancelled
    publish(messages)
    return cancelled


def cancel_run(run_id: str, *, reason: str | None = None) -> dict[str, Any]:
    """Cancel a run: its waiting jobs are cancelled, its running jobs are asked to stop; return it with its newest jobs.

    Raises NotFoundError for an unknown run, ConflictError for a run that has ended.
    """
    with transaction() as connection:
        messages = interventions.cancel_run(connection, run_id, by=by_with(reason))
        record_act(connection, "cancel", named("run", [run_id]), reason=reason)
        run = queries.show_run(connection, run_id, limit=_SHOWN)
    publish(messages)
    return run
