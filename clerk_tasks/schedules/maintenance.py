"""Chores of the ledger itself, which beat does by a schedule: delete what ended long ago."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from clerk.database.transactions import reading, transaction
from clerk.schedule import Schedule
from clerk.settings import settings
from clerk_tasks.ledger import prune as ledger
from clerk_tasks.ledger import totals
from clerk_tasks.ledger.deliveries import delete_deliveries
from clerk_tasks.ledger.ends import SLOT_MARGIN

#: When beat prunes, in UTC, and for how long each time, in seconds: it fires no schedule meanwhile.
PRUNE_CRON = "40 3 * * *"
PRUNE_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Chore(Schedule):
    """A schedule of our own: `work()` is done in beat's process, and returns what to record of the slot."""

    work: Callable[[], str] = field(kw_only=True)


def chores() -> list[Chore]:
    """Return our own schedules: `prune-ledger`, unless CLERK_PRUNE_DAYS is 0."""
    days = settings().prune_days
    about = f"delete runs, slots and workers of more than {days} days ago"
    return [Chore("prune-ledger", PRUNE_CRON, lambda _: (), work=_prune, description=about)] if days else []


def _prune() -> str:
    days = settings().prune_days
    deleted, is_complete = prune(days, patience=PRUNE_PATIENCE)
    counts = ", ".join(f"{number} {name}" for name, number in deleted.items() if number) or "nothing"
    return f"deleted {counts} of more than {days} days ago{'' if is_complete else '; the rest is for the next slot'}"


def fold_totals(*, give_up: float = math.inf) -> datetime | None:
    """Count what has ended into the totals of the metrics; return None, or up to which moment if that is not all.

    It stops at the moment `give_up` of the monotonic clock. It writes nothing if nothing has ended.
    """
    is_complete = False
    while True:
        with reading() as connection:
            if not totals.is_due(connection):
                return None
            if is_complete or time.monotonic() >= give_up:
                return totals.folded_until(connection)
        while not is_complete and time.monotonic() < give_up:
            with transaction() as connection:
                is_complete = totals.fold(connection)


def prune(
    days: int,
    *,
    patience: float = math.inf,
    goes_on: Callable[[Connection, int], bool] = lambda _connection, _number: True,
) -> tuple[dict[str, int], bool]:
    """Delete what ended at least so many days ago, in batches, while workers go on.

    Return how many rows of each kind there were, and whether that was all: after `patience` seconds it stops, and
    once `goes_on(connection, number)` is false, which each transaction calls with the number of rows that it deletes.
    """
    give_up = time.monotonic() + patience
    folded = fold_totals(give_up=give_up)
    with reading() as connection:
        before = ledger.moment_before(connection, days=days)
    if folded is not None:  # what is not counted yet stays
        before = min(before, folded - SLOT_MARGIN)
    deleted = Counter(runs=0, stages=0, jobs=0, attempts=0)
    after, is_complete = None, True
    while is_complete:
        with reading() as connection:
            chosen = ledger.next_runs(connection, before=before, after=after)
        if not chosen:
            break
        with transaction() as connection:
            counts = ledger.delete_runs(connection, [run.id for run in chosen], before=before)
            is_complete = goes_on(connection, sum(counts.values())) and time.monotonic() < give_up
        deleted.update(counts)
        after = (chosen[-1].created_at, chosen[-1].id)
    for name, delete in (
        ("slots", ledger.delete_slots),
        ("workers", ledger.delete_workers),
        ("pauses", ledger.delete_pauses),
        ("acts", ledger.delete_acts),
        ("deliveries", delete_deliveries),
    ):
        with transaction() as connection:
            deleted[name] = delete(connection, before=before)
            goes_on(connection, deleted[name])
    return dict(deleted), is_complete and folded is None
