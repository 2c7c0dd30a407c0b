"""Finds out that a worker takes no job although jobs are there for it, whatever has gone wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import IntEnum

#: What the time between two looks counts at most, in seconds.
LONGEST_STEP = 5.0


class Verdict(IntEnum):
    """What to do about a worker."""

    FINE = 0
    REPLACE_IDLE_CHILDREN = 1
    REPLACE_WORKER = 2


class Watchdog:
    """Judges one worker by what its keeper sees at each pass."""

    def __init__(self, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Take `patience`, the seconds after which the idle children are replaced; after as many more, the worker."""
        self.patience, self.clock = patience, clock
        self._taken = 0
        self._seen_at = clock()
        self._stuck = 0.0  # seconds
        self._tried = False

    def judge(self, *, wanted: bool, idle: bool, taken: int) -> Verdict:
        """Return what to do: whether there is work, whether a child is idle, how many jobs were taken so far.

        A pause between two looks counts little: the machine, or this process with its children, was asleep.
        """
        before, self._seen_at = self._seen_at, self.clock()
        if not wanted or taken != self._taken:
            self._taken, self._stuck, self._tried = taken, 0.0, False
            return Verdict.FINE
        if not idle:
            return Verdict.FINE
        self._stuck += min(self._seen_at - before, LONGEST_STEP)
        if self._stuck < self.patience:
            return Verdict.FINE
        if self._tried:
            return Verdict.REPLACE_WORKER
        self._stuck, self._tried = 0.0, True
        return Verdict.REPLACE_IDLE_CHILDREN
