"""Prepares a pool child for the worker pools that it serves: each pool's own function, until it has succeeded once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from clerk.application import part
from clerk.plugin.containment import on_trial
from clerk.plugin.registered import describe
from clerk_tasks.job_types.pools import WorkerPool
from clerk_tasks.worker import sandbox

logger = logging.getLogger(__name__)

#: How long a pool that could not be prepared is left alone, in seconds: it may hang, while other jobs wait.
PAUSE = 60.0


class PoolInitialisers:
    """Which pools one process has been prepared for."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._done: set[str] = set()
        self._failed: dict[str, tuple[str, float]] = {}  # pool -> what went wrong, and when it is tried again

    def problem(self, pool: WorkerPool) -> str | None:
        """Call the pool's function unless it has succeeded already; return why its jobs cannot run here, if so."""
        if pool.function is None or pool.name in self._done:
            return None
        known, again_at = self._failed.get(pool.name, ("", 0.0))
        if known and self.clock() < again_at:
            return known
        try:
            with on_trial():
                pool.function()
            sandbox.look_again()
        except BaseException as error:  # the parent handles Ctrl-C: here even that comes from the plugin
            said = f"pool {pool.name} (plugin {pool.plugin}) could not be prepared: {describe(error)}"
            if said != known:
                logger.error("%s. Its jobs wait, and it is tried again with them.", said)
            self._failed[pool.name] = said, self.clock() + PAUSE
            return said
        self._done.add(pool.name)
        return None


@part
def pool_initialisers() -> PoolInitialisers:
    """Return this process's."""
    return PoolInitialisers()
