"""Give a worker as many children as operators want: more start within seconds, fewer end once their job has.

A child that is to end is in a place beyond the limit. It ends by itself after its slice. One that is in no slice is
killed: it said so before it looked at the limit, so it owns no job and claims none.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from clerk.database.held import HeldConnection
from clerk.settings import settings
from clerk_tasks.job_types.registry import registry
from clerk_tasks.ledger.pool_sizes import record_size, wanted_size
from clerk_tasks.worker.children import MOST_CHILDREN, Children
from clerk_tasks.worker.lease_keeper import kill

logger = logging.getLogger(__name__)


class PoolSize:
    """Keeps the size of one worker's pool."""

    def __init__(
        self,
        held: HeldConnection,
        instance: str,
        pools: Sequence[str],
        *,
        worker: Any,
        children: Children,
        live: Callable[[], set[int]],
        interval: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the names of the worker's `pools`; the ledger is asked every `interval` seconds."""
        self.held, self.instance, self.pools = held, instance, pools
        self.worker, self.children, self.live = worker, children, live
        self.interval, self.clock = interval, clock
        self._own: int = worker.pool.num_processes  # of its own start
        self._due = float("-inf")
        self._shrunk = False

    @classmethod
    def of(cls, held: HeldConnection, instance: str, queues: Sequence[str], **facts: Any) -> PoolSize:
        """Return the keeper of the size of a worker that serves these queues; the ledger is asked at each renewal."""
        served = set(queues)
        pools = [pool.name for pool in registry().pools.values() if served.issuperset(pool.queues)]
        return cls(held, instance, pools, interval=settings().renewal, **facts)

    def run_once(self) -> None:
        """Make one pass. Raises DatabaseUnavailable, and is then run again."""
        if self._shrunk:
            self._end_idle()
        if self.clock() < self._due:
            return
        self._due = self.clock() + self.interval
        with self.held.statement() as connection:
            found = wanted_size(connection, self.instance, self.pools)
        if found is None or self.worker.consumer is None:
            return
        current = self.worker.pool.num_processes
        target = min(found.wanted or self._own, MOST_CHILDREN)
        if target != current:
            # Celery's thread is the one that changes its pool, as for its own remote control.
            self.worker.consumer.call_soon(partial(self._resize, target))
            self._due = float("-inf")  # the next pass records it
        elif found.recorded != current:
            with self.held.transaction() as connection:
                record_size(connection, self.instance, current)

    def _resize(self, target: int) -> None:
        """Change the number of children that the pool keeps, in Celery's thread."""
        pool = self.worker.pool
        change = target - pool.num_processes
        if not change:
            return
        logger.warning("this worker runs %d jobs at a time from now on, not %d", target, pool.num_processes)
        self.children.limit(target)
        if change > 0:
            pool.grow(change)
        else:
            # What Pool.shrink does, except that it would end children that are about to claim a job.
            pool._pool._processes += change
            pool._pool._putlock.shrink(-change)
            self._shrunk = True
        self.worker.consumer._update_prefetch_count(change)
        pool.maintain_pool()

    def _end_idle(self) -> None:
        """End the children that are to end and are in no slice."""
        ending = self.children.retired() & self.live()
        for process in tuple(self.worker.pool._pool._pool):
            if process.pid in ending:
                process.terminate_controlled()  # Celery does not report it as lost then
        kill(ending)
        self._shrunk = len(self.live()) > self.worker.pool.num_processes
