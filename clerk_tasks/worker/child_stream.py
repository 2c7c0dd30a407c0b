"""What one pool child has said, divided into lines, with the job that it worked on."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime

from clerk.redaction import storable
from clerk_tasks.ledger.attempt_logs import Line
from clerk_tasks.logs import Subject, about
from clerk_tasks.worker.child_output import END_OF_LEVEL, LOG_MARK

logger = logging.getLogger("clerk_tasks.job_output")

#: What stdout and stderr are called where a line of the log has its level.
OUTPUT = "OUTPUT"
#: The length from which a line is cut into several, in bytes.
LONGEST_LINE = 16 * 1024
#: The least that a line takes in the ledger, with its time and level, in characters.
SHORTEST_LINE = 32
#: How long a line waits for its end, in seconds.
_PATIENCE = 1.0
#: How many lines are shown at once; of more, the ledger has the log.
MOST_SHOWN = 200
_LEVEL = re.compile(r"[A-Za-z0-9 _-]{1,20}\Z")


class ChildStream:
    """The output of the child in one place of the pool, and of those that have the place after it."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.subject: Subject | None = None
        self._taken = -1
        self._said: deque[tuple[datetime, bytes]] = deque()
        self._size = self._dropped = 0
        self._rest, self._rest_since = b"", 0.0

    @property
    def due(self) -> float | None:
        """When there is something to divide, by the clock of `add`; None: nothing was said."""
        if self._said or self._dropped:
            return 0.0
        return self._rest_since + _PATIENCE if self._rest else None

    def subject_changes(self, taken: int, subject: Subject | None) -> bool:
        """Return whether what comes now is of another job than what came before."""
        return (taken, subject) != (self._taken, self.subject)

    def begin(self, taken: int, subject: Subject | None) -> None:
        """Say which job what comes now is of, the number `taken` of this place."""
        self._taken, self.subject = taken, subject

    def add(self, data: bytes, moment: float, *, most: int) -> None:
        """Take what was read; of more than `most` bytes that are not divided yet, the oldest are dropped."""
        if not self._rest:
            self._rest_since = moment
        self._said.append((datetime.now(UTC), data))
        self._size += len(data)
        while self._size > most:
            gone = self._rest + self._said.popleft()[1]
            self._rest = b""
            self._size -= len(gone)
            self._dropped += max(gone.count(b"\n"), 1)

    def lines(self, moment: float, *, most: int, over: bool) -> tuple[int, list[Line]]:
        """Return how many lines were dropped, and those after them, the newest `most`.

        A line without an end waits for it, unless `over`.
        """
        dropped, self._dropped = self._dropped, 0
        whole: list[tuple[datetime, bytes]] = []
        at = datetime.now(UTC)
        for at, data in self._said:
            *ended, rest = (self._rest + data).split(b"\n")
            whole += ((at, line) for line in ended)
            while len(rest) >= LONGEST_LINE:
                whole.append((at, rest[:LONGEST_LINE]))
                rest = rest[LONGEST_LINE:]
            if rest != self._rest:
                self._rest_since = moment
            self._rest = rest
        self._said.clear()
        self._size = 0
        if self._rest and (over or moment - self._rest_since >= _PATIENCE):
            whole.append((at, self._rest))
            self._rest = b""
        dropped += max(len(whole) - most, 0)
        return dropped, [line for at, data in whole[-most:] for line in _lines(at, data)]

    def show(self, dropped: int, lines: Sequence[Line]) -> None:
        """Write lines into the worker's log, except those that the child has written there itself."""
        output = [line for line in lines if line.level == OUTPUT]
        extra = about(self.subject) if self.subject else {}
        if hidden := dropped + len(output) - min(len(output), MOST_SHOWN):
            logger.warning("%d lines of output are not shown here", hidden, extra=extra)
        for line in output[-MOST_SHOWN:]:
            fields = {
                "name": logger.name,
                "levelno": logging.INFO,
                "levelname": "INFO",
                "msg": "%s",
                "args": (line.text,),
            }
            moment = {"created": line.at.timestamp(), "msecs": line.at.microsecond / 1000}
            logger.handle(logging.makeLogRecord(fields | moment | extra))


def _lines(at: datetime, line: bytes) -> list[Line]:
    """Return the lines in what was written up to a line break: of the log each has a mark, and is whole."""
    output, *logged = line.split(LOG_MARK)
    lines = [] if not output and logged else [_output(at, output)]
    for each in logged:
        level, end, text = each.partition(END_OF_LEVEL)
        name = level.decode(errors="replace")
        if end and _LEVEL.match(name) and name != OUTPUT:
            lines.append(Line(at, name, storable(text.decode(errors="replace"))))
        else:
            lines.append(_output(at, each))
    return lines


def _output(at: datetime, line: bytes) -> Line:
    """Return a line of output as a terminal would leave it: what comes after a carriage return is written over it."""
    shown = line.rstrip(b"\r").rpartition(b"\r")[2]
    return Line(at, OUTPUT, storable(shown.decode(errors="replace")))
