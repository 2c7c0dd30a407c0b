"""What the board remembers between two looks: the findings about the surroundings, and the samples for rates."""

from __future__ import annotations

import time
from collections import deque
from threading import Lock
from typing import Any

from clerk.application import part
from clerk_tasks.operations.health import Finding, check_surroundings
from clerk_tasks.operations.overview import Sample, overview

#: How long what was found about the broker and the plugins is shown, in seconds.
_SURROUNDINGS = 15.0
#: How old the sample is that rates are reckoned from, in seconds, at least and at most.
_YOUNGEST, _OLDEST = 10.0, 60.0


class Memory:
    """What is remembered between two looks: the findings about the surroundings, and the samples for rates."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._found: tuple[float, list[Finding]] | None = None
        self._samples: deque[tuple[float, Sample]] = deque()

    def surroundings(self) -> list[Finding]:
        """Return the findings about broker and plugins of the last few seconds."""
        with self._lock:
            moment = time.monotonic()
            if self._found is None or moment - self._found[0] > _SURROUNDINGS:
                self._found = (moment, check_surroundings())
            return self._found[1]

    def overview(self) -> dict[str, Any]:
        """Return the overview with the rates since a look some seconds ago."""
        with self._lock:
            moment = time.monotonic()
            while self._samples and moment - self._samples[0][0] > _OLDEST:
                self._samples.popleft()
            before = next((sample for at, sample in self._samples if moment - at >= _YOUNGEST), None)
            found, sample = overview(before)
            if not self._samples or moment - self._samples[-1][0] >= 1:
                self._samples.append((moment, sample))
            return found


memory = part(Memory)
