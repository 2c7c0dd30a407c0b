"""The relay, the housekeeper of every worker: it publishes what waits unpublished, and ends the leases of the dead.

Any number of relays may run at any time; each act is guarded in the database.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from clerk.database.held import HeldConnection
from clerk_tasks.broker.publisher import Publisher
from clerk_tasks.ledger import leases, publications
from clerk_tasks.ledger.insert import Message
from clerk_tasks.ledger.leases import Expired


class Relay:
    """One relay; it remembers which expired leases it has seen, and since when by its own monotonic clock."""

    def __init__(
        self,
        held: HeldConnection,
        publisher: Publisher,
        *,
        renewal: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take `renewal`: the seconds between two renewals of a lease by its owner."""
        self.held, self.publisher = held, publisher
        self.renewal, self.clock = renewal, clock
        self._sightings: dict[tuple[str, int, datetime], float] = {}

    def run_once(self) -> None:
        """Make one pass; raises DatabaseUnavailable or BrokerUnavailable, and is then simply run again."""
        messages = self._take_over()
        with self.held.transaction() as connection:
            messages += publications.promote_due(connection)
        self._publish(messages)
        with self.held.transaction() as connection:
            queues = publications.overdue_queues(connection)
        for queue in queues:
            depth = self.publisher.depth(queue)
            with self.held.transaction() as connection:
                silent = publications.take_overdue(connection, queue, depth=depth)
            self._publish(silent)

    def _take_over(self) -> list[Message]:
        """End the attempts whose lease has been over, untouched, for one renewal period of our own clock.

        Once is not enough: the owner may be stopped just before its renewal, or the database's clock may have jumped.
        """
        with self.held.transaction() as connection:
            expired = {
                (row.claim.job_id, row.claim.attempt, row.lease_until): row for row in leases.expired(connection)
            }
        seen = self.clock()
        self._sightings = {sighting: self._sightings.get(sighting, seen) for sighting in expired}
        ripe = [row for key, row in expired.items() if seen - self._sightings[key] >= self.renewal]
        return [message for row in ripe for message in self._end(row)]

    def _end(self, row: Expired) -> list[Message]:
        with self.held.transaction() as connection:
            if not leases.still_expired(connection, row):
                return []
            ended = f"{row.lease_until:%Y-%m-%d %H:%M:%S} UTC"
            return leases.lost(
                connection, row.claim, f"Its worker (process {row.claim.pid}) is gone: the lease ended at {ended}."
            )

    def _publish(self, messages: list[Message]) -> None:
        try:
            self.publisher.publish(messages)
        except Exception:
            with self.held.transaction() as connection:
                publications.republish_now(connection, [message.job_id for message in messages])
            raise
