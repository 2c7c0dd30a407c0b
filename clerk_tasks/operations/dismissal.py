"""Dismiss dead letters that need no retry: they stay in the ledger, and `health` counts them no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clerk.acts import by_with, named, record_act
from clerk.database.transactions import transaction
from clerk_tasks.ledger import interventions, queries


def dismiss_jobs(job_ids: Sequence[str], *, reason: str | None = None, dry_run: bool = False) -> list[dict[str, Any]]:
    """Dismiss dead letters, all or none, and return them; with `dry_run`, nothing is changed in the end.

    Raises NotFoundError for an unknown job, and ConflictError for one that is no dead letter. Retrying a job undoes it.
    """
    ids = sorted(set(job_ids))
    with transaction() as connection:
        interventions.dismiss(connection, ids, by=by_with(reason))
        record_act(connection, "dismiss", named("job", ids), number=len(ids), reason=reason)
        dismissed = queries.job_states(connection, ids)
        if dry_run:
            connection.rollback()
        return dismissed
