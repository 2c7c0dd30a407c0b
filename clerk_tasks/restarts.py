"""How long to wait before something is started again that has ended too early."""

from __future__ import annotations

#: The shortest and the longest wait, in seconds.
SHORTEST_RESTART, LONGEST_RESTART = 1.0, 30.0
#: What has run for this long, in seconds, has not ended too early.
GOOD_LIFE = 60.0


class RestartPause:
    """A wait that is doubled at each early end, and is the shortest again after a good life."""

    def __init__(self, shortest: float = SHORTEST_RESTART, longest: float = LONGEST_RESTART) -> None:
        self.shortest, self.longest = shortest, longest
        self._next = shortest

    def after(self, life: float) -> float:
        """Return the seconds to wait after something that has run for `life` seconds."""
        if life > GOOD_LIFE:
            self.reset()
        pause, self._next = self._next, min(2 * self._next, self.longest)
        return pause

    def reset(self) -> None:
        """Wait the shortest time after the next end."""
        self._next = self.shortest
