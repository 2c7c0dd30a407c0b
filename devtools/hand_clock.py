"""A clock that moves only when a test moves it."""

from __future__ import annotations


class Clock:
    """A monotonic clock that stands still until `go`."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds

    def go(self, seconds: float) -> None:
        """Move the clock forward."""
        self.seconds += seconds
