"""Retry dead letters and cancelled jobs that are named."""

from __future__ import annotations

from collections.abc import Sequence

from clerk.acts import named, record_act
from clerk.database.transactions import reading, transaction
from clerk_tasks.dispatcher import publish
from clerk_tasks.ledger.retries import Retried, UniqueKeyTaken, refusals, retry_jobs


def retry(job_ids: Sequence[str], *, reason: str | None = None, dry_run: bool = False) -> list[str]:
    """Retry jobs, all or none, publish them, and return their ids; with `dry_run`, change nothing.

    Raises NotFoundError or ConflictError if one of them cannot be retried.
    """
    ids = sorted(set(job_ids))
    done = _retry(ids, reason=reason, dry_run=dry_run)
    publish(done.messages)
    return ids


def _retry(job_ids: Sequence[str], *, reason: str | None, dry_run: bool) -> Retried:
    for last in (False, False, True):
        try:
            with reading() if dry_run else transaction() as connection:
                done = refusals(connection, job_ids) if dry_run else retry_jobs(connection, job_ids)
                if done.refused:
                    raise next(iter(done.refused.values()))
                if not dry_run:
                    record_act(connection, "retry", named("job", job_ids), number=len(job_ids), reason=reason)
                return done
        except UniqueKeyTaken:  # by a job that was enqueued meanwhile, which the next look finds
            if last:
                raise
    raise AssertionError
