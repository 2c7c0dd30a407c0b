"""Dismiss dead letters that need no retry: they stay in the ledger, and `health` counts them no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clerk.database.transactions import transaction
from clerk.errors import UsageError
from clerk_tasks.ledger import interventions, queries
from clerk_tasks.operations.cancel import BY


def dismiss_jobs(job_ids: Sequence[str] | None, *, everything: bool = False) -> list[dict[str, Any]]:
    """Dismiss the dead letters that are named, all or none, or `everything` that is not dismissed; return them.

    Raises UsageError unless it is the one or the other, NotFoundError for an unknown job, and ConflictError for one
    that is no dead letter. Retrying a job undoes it.
    """
    if bool(job_ids) == everything:
        raise UsageError("Name dead letters by id, or dismiss all of them with --all.")
    with transaction() as connection:
        chosen = interventions.dismiss(connection, sorted(set(job_ids)) if job_ids else None, by=BY)
        return queries.job_states(connection, chosen)
