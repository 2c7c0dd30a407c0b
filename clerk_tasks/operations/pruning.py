"""Count and delete what ended long ago."""

from __future__ import annotations

from sqlalchemy import Connection

from clerk.database.transactions import reading
from clerk_tasks.ledger import prune as ledger
from clerk_tasks.ledger.prune import MOST_COUNTED
from clerk_tasks.operations.acts import running_act
from clerk_tasks.schedules import maintenance

__all__ = ["MOST_COUNTED", "count", "prune"]


def count(days: int) -> dict[str, int]:
    """Return how many rows of each kind are of what ended at least so many days ago.

    Of more than MOST_COUNTED runs only these are counted, with what belongs to them.
    """
    with reading() as connection:
        return ledger.count(connection, before=ledger.moment_before(connection, days=days))


def prune(days: int) -> dict[str, int]:
    """Delete them, and return how many there were; fewer if `acts stop` ends it."""
    found = sum(count(days).values())
    with running_act("prune", f"what ended at least {days} days ago", matched=found) as act:

        def goes_on(connection: Connection, number: int) -> bool:
            act.advance(connection, number)
            return act.stopped_by is None

        return maintenance.prune(days, goes_on=goes_on)[0]
