"""The log of one attempt that its worker has not written to the ledger yet, and what it has written."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from clerk_tasks.ledger.attempt_logs import Line, LogPart
from clerk_tasks.worker.children import Work

#: How many parts a log that is full has at least: the oldest is dropped as a whole.
_PARTS = 8


class LogBatch(NamedTuple):
    """Lines to write, and the first line to keep of those that are written already; None: all."""

    job_id: str
    attempt: int
    parts: Sequence[LogPart]
    keep: int | None


class AttemptLog:
    """The newest lines of an attempt, up to `limit` characters."""

    def __init__(self, work: Work, limit: int) -> None:
        self._work, self._limit = work, limit
        self._lines: deque[Line] = deque()
        self._size, self._next = 0, 0  # characters of the lines, and the number of the first of them
        self._keep = 0  # the first line of those that nothing is missing between
        self._in_ledger: deque[tuple[int, int]] = deque()  # first line and characters of each part

    @property
    def is_unwritten(self) -> bool:
        """Whether it has lines to write."""
        return bool(self._lines)

    def add(self, dropped: int, lines: Sequence[Line]) -> None:
        """Add lines, after so many that were dropped; the oldest go when there are too many."""
        if dropped:
            self._keep = self._next = self._next + len(self._lines) + dropped
            self._lines.clear()
            self._size = 0
        self._lines += lines
        self._size += sum(map(len, map(str, lines)))
        while self._size > self._limit and len(self._lines) > 1:
            self._size -= len(str(self._lines.popleft()))
            self._keep = self._next = self._next + 1

    def batch(self) -> LogBatch | None:
        """Return what is to be written now; None: nothing."""
        if not self._lines:
            return None
        parts, number = [LogPart(self._next, [], 0)], self._next
        for line in self._lines:
            size = len(str(line))
            if parts[-1].size + size > self._limit // _PARTS and parts[-1].lines:
                parts.append(LogPart(number, [], 0))
            parts[-1] = LogPart(parts[-1].first_line, [*parts[-1].lines, line], parts[-1].size + size)
            number += 1
        in_ledger = [part for part in self._in_ledger if part[0] >= self._keep]
        kept = deque((*in_ledger, *((part.first_line, part.size) for part in parts)))
        while sum(size for _, size in kept) > self._limit and len(kept) > 1:
            kept.popleft()
        keep = kept[0][0]
        parts = [part for part in parts if part.first_line >= keep]
        drops = bool(self._in_ledger) and self._in_ledger[0][0] < keep
        return LogBatch(self._work.job_id, self._work.attempt, parts, keep if drops else None)

    def written(self, batch: LogBatch) -> None:
        """Forget the lines of a batch, which the ledger has by now; some may have been dropped meanwhile."""
        end = batch.parts[-1].first_line + len(batch.parts[-1].lines)
        while self._lines and self._next < end:
            self._size -= len(str(self._lines.popleft()))
            self._next += 1
        self._in_ledger += ((part.first_line, part.size) for part in batch.parts)
        while batch.keep is not None and self._in_ledger and self._in_ledger[0][0] < batch.keep:
            self._in_ledger.popleft()
