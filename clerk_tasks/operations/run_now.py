"""Run jobs now that wait for their time: those enqueued for later, snoozed, or to be tried again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clerk.acts import named, record_act
from clerk.database.transactions import transaction
from clerk_tasks.dispatcher import publish
from clerk_tasks.ledger import interventions, queries


def run_jobs_now(job_ids: Sequence[str], *, reason: str | None = None) -> list[dict[str, Any]]:
    """Make jobs available, all or none, publish them, and return them.

    Raises NotFoundError for an unknown job, ConflictError for one that does not wait for a time.
    """
    ids = sorted(set(job_ids))
    with transaction() as connection:
        messages = interventions.run_now(connection, ids)
        record_act(connection, "run-now", named("job", ids), number=len(ids), reason=reason)
        states = queries.job_states(connection, ids)
    publish(messages)
    return states
