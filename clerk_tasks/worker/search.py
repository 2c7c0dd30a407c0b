"""Where a child's searches for jobs begin, and the turns that it notes for those who enqueue."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from clerk.database.held import HeldConnection
from clerk.errors import DatabaseUnavailable
from clerk_tasks.ledger import turns
from clerk_tasks.ledger.claims import Claim

#: For how many jobs, and how many seconds, a child takes what comes after the job before: what was enqueued meanwhile
#: may be more urgent.
JOBS_AHEAD, SECONDS_AHEAD = 16, 0.01
#: How many turns a queue goes on before that is noted.
TURNS_NOTED = 4


class Search:
    """What one child has claimed and noted of each queue."""

    def __init__(self, held: HeldConnection, clock: Callable[[], float]) -> None:
        self.held, self.clock = held, clock
        self._noted: dict[str, dict[int, int]] = {}  # {queue: {priority: turn}}
        self._ahead, self._until = 0, 0.0

    def begin(self, queue: str) -> dict[int, int]:
        """Return {priority: the turn from which on to look for jobs of a queue}."""
        return self._noted.setdefault(queue, {})

    def goes_ahead(self) -> bool:
        """Return whether the next job may be one that comes after the last, whatever has come meanwhile."""
        if self._ahead and self.clock() < self._until:
            self._ahead -= 1
            return True
        self._ahead, self._until = JOBS_AHEAD, self.clock() + SECONDS_AHEAD
        return False

    def end(self, queue: str, last: Claim) -> None:
        """Note the turn that a queue has reached, once in a few turns: what is enqueued later does not come before."""
        noted = self.begin(queue)
        if last.turn < noted.get(last.priority, 0) + TURNS_NOTED:
            return
        with suppress(DatabaseUnavailable), self.held.statement() as connection:
            turns.reach(connection, queue, last.priority, last.turn)
            noted[last.priority] = last.turn
