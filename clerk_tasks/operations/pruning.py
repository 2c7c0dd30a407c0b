"""Delete what ended long ago, in batches, while workers go on."""

from __future__ import annotations

from collections import Counter

from clerk.database.transactions import reading, transaction
from clerk_tasks.ledger import prune as ledger
from clerk_tasks.ledger.prune import MOST_COUNTED

__all__ = ["MOST_COUNTED", "count", "prune"]


def count(days: int) -> dict[str, int]:
    """Return how many runs, stages, jobs, attempts, slots and workers ended at least so many days ago.

    Of more than MOST_COUNTED runs only these are counted, with what belongs to them.
    """
    with reading() as connection:
        return ledger.count(connection, before=ledger.moment_before(connection, days=days))


def prune(days: int) -> dict[str, int]:
    """Delete them, and return how many there were."""
    with reading() as connection:
        before = ledger.moment_before(connection, days=days)
    deleted = Counter(runs=0, stages=0, jobs=0, attempts=0)
    after = None
    while True:
        with reading() as connection:
            chosen = ledger.next_runs(connection, before=before, after=after)
        if not chosen:
            break
        with transaction() as connection:
            deleted.update(ledger.delete_runs(connection, [run.id for run in chosen], before=before))
        after = (chosen[-1].created_at, chosen[-1].id)
    with transaction() as connection:
        slots = ledger.delete_slots(connection, before=before)
    with transaction() as connection:
        workers = ledger.delete_workers(connection, before=before)
    return {**deleted, "slots": slots, "workers": workers}
