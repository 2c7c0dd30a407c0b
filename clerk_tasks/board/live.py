"""Updates of open pages: one change signal and one rendering of each page feed all browsers that show it.

While no browser looks, nothing is asked and nothing is rendered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable

from anyio import CapacityLimiter, to_thread

from clerk_tasks.board.signal import Signal

#: The least time between two updates, in seconds: four a second.
FASTEST = 0.25
#: What the time passing changes (ages, workers that fall silent) is shown after so many seconds without a change.
SLOWEST = 15.0
#: The pause after an update, in times of the CPU time of its renderings: about a thirtieth of one core; and its most.
_REST, LONGEST_REST = 30.0, 5.0

#: A page as one kind of viewer sees it: its address, and whether acts are offered.
View = tuple[str, bool]


class Live:
    """Renders the pages that are looked at whenever the database has changed."""

    def __init__(self, render: Callable[[View], str]) -> None:
        self._render = render
        self._watched: dict[View, int] = {}
        self._shown: dict[View, str] = {}
        self._changed = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._threads = CapacityLimiter(1)
        #: How many times a page was rendered and the signal was read.
        self.renderings = self.looks = 0

    @property
    def idle(self) -> bool:
        """Whether nothing is asked and rendered."""
        return self._looking is None or self._looking.done()

    async def watch(self, view: View) -> AsyncGenerator[str, None]:
        """Yield a page whenever it has changed, at first as it is."""
        self._watched[view] = self._watched.get(view, 0) + 1
        if self.idle:
            self._looking = asyncio.create_task(self._look())
        before: str | None = None
        try:
            while True:
                changed, current = self._changed, self._shown.get(view)
                if current is None or current == before:
                    await changed.wait()
                else:
                    before = current
                    yield current
        finally:
            self._watched[view] -= 1
            if not self._watched[view]:
                del self._watched[view]
                self._shown.pop(view, None)

    async def _look(self) -> None:
        """Render what is looked at whenever the database has changed, for as long as there is a watcher."""
        signal = Signal()
        seen, rendered_at = None, 0.0
        try:
            while self._watched:
                self.looks += 1
                number = await to_thread.run_sync(signal.read, limiter=self._threads)
                moment, pause = time.monotonic(), FASTEST
                if number != seen or moment - rendered_at > SLOWEST:
                    seen, rendered_at = number, moment
                    spent = await self._update(list(self._watched))
                    pause = max(FASTEST, min(_REST * spent, LONGEST_REST))
                elif new := self._watched.keys() - self._shown.keys():
                    await self._update(list(new))
                await self._rest(pause)
        finally:
            signal.close()

    async def _rest(self, pause: float) -> None:
        """Wait; a page that is looked at for the first time, and the end of all watching, do not wait longer."""
        until = time.monotonic() + pause
        while (left := until - time.monotonic()) > 0 and self._watched and self._watched.keys() <= self._shown.keys():
            await asyncio.sleep(min(left, FASTEST))

    async def _update(self, views: list[View]) -> float:
        """Render pages, and show them; return the CPU time that it took, in seconds."""
        spent = 0.0
        for view in views:
            self.renderings += 1
            html, seconds = await to_thread.run_sync(self._timed, view, limiter=self._threads)
            spent += seconds
            if view in self._watched:
                self._shown[view] = html
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        return spent

    def _timed(self, view: View) -> tuple[str, float]:
        began = time.thread_time()
        return self._render(view), time.thread_time() - began
