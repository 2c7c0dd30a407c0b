"""The relay, the housekeeper of every worker: it publishes what waits unpublished, and ends the leases of the dead.

Any number of relays may run at any time; each act is guarded in the database.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Collection
from datetime import datetime

from sqlalchemy import Connection

from clerk.database.held import HeldConnection
from clerk.errors import BrokerRefused, DatabaseUnavailable
from clerk.pauses import paused_now
from clerk_tasks.broker.publisher import Publisher
from clerk_tasks.ledger import leases, limits, operator_limits, publications, turns
from clerk_tasks.ledger.leases import Expired
from clerk_tasks.ledger.publications import Waiting

logger = logging.getLogger(__name__)

#: In how many transactions one pass promotes what is due, so that workers get jobs faster than they do them.
MOST_PROMOTIONS = 20


class Relay:
    """One relay; it remembers which expired leases it has seen, and since when by its own monotonic clock."""

    def __init__(
        self,
        held: HeldConnection,
        publisher: Publisher,
        waiting: Waiting,
        *,
        renewal: float,
        served: Collection[str] = (),
        heartbeat: Callable[[Connection], object] = lambda _: None,
        paused_changed: Callable[[], object] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what finds the queues with work, and the queues that this process's worker serves, if it has one.

        `renewal` is the seconds between two renewals of a lease by its owner, `heartbeat` writes that we live.
        """
        self.held, self.publisher, self.waiting, self.served = held, publisher, waiting, frozenset(served)
        self.paused_changed = paused_changed
        self.renewal, self.heartbeat, self.clock = renewal, heartbeat, clock
        #: The queues of this worker that had work when it was last published; none if that failed.
        self.wanted: frozenset[str] = frozenset()
        self._sightings: dict[tuple[str, int, datetime], float] = {}

    def run_once(self) -> None:
        """Make one pass; raises DatabaseUnavailable or BrokerUnavailable, and is then simply run again."""
        self._take_over()
        self.look()
        if quiet := self.served - set(self.publish()):  # in the others, to look for such jobs would take long
            self._note_others(quiet)

    def look(self) -> None:
        """Make available what is due and what limits admit; look what is paused, and say so if that has changed."""
        for _ in range(MOST_PROMOTIONS):
            with self.held.transaction() as connection:
                more = publications.promote_due(connection)
                for job_type in operator_limits.newly_limited(connection):
                    operator_limits.give_keys(connection, job_type)
                paused, held = paused_now(connection), limits.held_keys(connection)
            if not more:
                break
        before = self.waiting.paused
        if paused != before:
            with self.held.transaction() as connection:
                turns.spread(connection, before.sites - paused.sites, before.job_types - paused.job_types)
            self.waiting = self.waiting.without(paused)
            self.paused_changed()
            logger.info("paused now: %s", paused)

        for key in held:
            with self.held.transaction() as connection:
                limits.admit(connection, key, paused)

    def publish(self) -> Collection[str]:
        """Publish for each queue with work, while it has fewer messages than jobs, and than FEW; urgent jobs first.

        These are the queues and job types of this worker's plugins; other workers publish what they know. Returns the
        queues with work. If the broker refuses some, BrokerRefused is raised once the others are published.
        """
        self.wanted, refused = frozenset(), dict[str, BrokerRefused]()
        with self.held.statement() as connection:
            waiting = self.waiting(connection)
        for queue, messages in waiting.items():
            try:
                self.publisher.publish(messages[: max(len(messages) - self.publisher.depth(queue), 0)])
            except BrokerRefused as error:
                refused[queue] = error
        self.wanted = self.served & (waiting.keys() - refused.keys())
        if refused:
            raise next(iter(refused.values()))
        return waiting.keys()

    def _note_others(self, queues: Collection[str]) -> None:
        """Say why jobs of a type that this worker does not know wait; a worker that does will take them."""
        with self.held.statement() as connection:
            found = self.waiting.with_others(connection, queues)
        if not found:
            return
        worker = f"Worker {socket.gethostname()} ({os.getpid()})"
        with self.held.transaction() as connection:
            noted = {queue: self.waiting.note_others(connection, queue, worker) for queue in found}
        for queue, types in noted.items():
            for job_type, number in types.items():
                logger.warning("%d jobs of queue %s wait: this worker does not know %s", number, queue, job_type)

    def _take_over(self) -> None:
        """End the attempts whose lease has been over, untouched, for one renewal period of our own clock.

        Once is not enough: the owner may be stopped just before its renewal, or the database's clock may have jumped.
        While nothing can be written, as on a full disk, owners cannot renew: the period begins again.
        """
        try:
            self._end_ripe()
        except DatabaseUnavailable:
            self._sightings.clear()
            raise

    def _end_ripe(self) -> None:
        with self.held.transaction() as connection:
            expired = {
                (row.claim.job_id, row.claim.attempt, row.lease_until): row for row in leases.expired(connection)
            }
            if expired:
                self.heartbeat(connection)
        seen = self.clock()
        self._sightings = {sighting: self._sightings.get(sighting, seen) for sighting in expired}
        ripe = [row for key, row in expired.items() if seen - self._sightings[key] >= self.renewal]
        for row in ripe:
            self._end(row)

    def _end(self, row: Expired) -> None:
        with self.held.transaction() as connection:
            if leases.still_expired(connection, row):
                ended = f"{row.lease_until:%Y-%m-%d %H:%M:%S} UTC"
                reason = f"Its worker (process {row.claim.pid}) is gone: the lease ended at {ended}."
                leases.lost(connection, row.claim, reason)
