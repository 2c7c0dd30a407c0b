"""Starts a worker's children again: at once if they could work, after a growing pause if they ended before that."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from clerk_tasks.restarts import RestartPause

logger = logging.getLogger(__name__)

#: When to look again for a child that is about to have ended, in seconds.
LOOK_AGAIN = 0.1


class ChildRestarts:
    """Decides when the billiard pool of a worker replaces its children; the pool asks at each end, and now and then."""

    def __init__(self, pool: Any, ready: Callable[[], set[int]], clock: Callable[[], float] = time.monotonic) -> None:
        """Take the pool; `ready` returns the process ids of the children that could work, dead ones among them."""
        self._pool, self._ready, self._clock = pool, ready, clock
        self._start: Callable[[Sequence[int | None]], None] = pool._repopulate_pool
        self._pause, self._due = RestartPause(), float("-inf")
        self._known = self._children()
        pool._repopulate_pool = self.repopulate
        self._exited: Callable[[Any, Any], None] = pool._event_process_exit
        pool._event_process_exit = self.exited

    def _children(self) -> set[int]:
        return {process.pid for process in self._pool._pool}

    def exited(self, hub: Any, process: Any) -> None:
        """Replace a child that has closed its files, as at its end; `hub` is Celery's event loop.

        The kernel may say that it has ended only a moment later. The pool would look again after five seconds.
        """
        self._exited(hub, process)
        hub.call_later(LOOK_AGAIN, self._pool.maintain_pool)

    def repopulate(self, exitcodes: Sequence[int | None]) -> None:
        """Replace the children that are gone, unless that has just failed; `exitcodes` is the pool's own argument."""
        gone = self._known - self._children()
        self._known -= gone
        if gone & self._ready():
            self._pause.reset()
        elif gone:
            pause = self._pause.after(0.0)
            self._due = self._clock() + pause
            logger.error("a child of this worker ended before it could work; the next one starts in %g s", pause)
        if self._clock() >= self._due:
            self._start(exitcodes)
            self._known = self._children()
