"""Collect what a job logs and prints."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from clerk_tasks.logs import Redacting


class _Collecting(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines
        self.setFormatter(Redacting("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self._lines += self.format(record).split("\n")


class _Tee(io.TextIOBase):
    """A stream that passes on what is written, and collects its lines."""

    def __init__(self, stream: TextIO, lines: list[str]) -> None:
        self._stream, self._lines, self._begun = stream, lines, ""

    def write(self, text: str) -> int:
        *whole, self._begun = (self._begun + text).split("\n")
        self._lines += whole
        return self._stream.write(text)

    def flush(self) -> None:
        if not self._stream.closed:  # Python flushes a tee that is still referenced when it ends
            self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()

    def end(self) -> None:
        """Collect a last line without an end."""
        if self._begun:
            self._lines.append(self._begun)


@contextmanager
def captured(lines: list[str]) -> Iterator[None]:
    """Add each line that is logged or printed in a with block to `lines`."""
    handler, streams = _Collecting(lines), (sys.stdout, sys.stderr)
    tees = [_Tee(stream, lines) for stream in streams]
    logging.root.addHandler(handler)
    sys.stdout, sys.stderr = tees
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams
        logging.root.removeHandler(handler)
        for tee in tees:
            tee.end()


@contextmanager
def worker_level() -> Iterator[None]:
    """Log from the level INFO on in a with block, as a worker does."""
    level = logging.root.level
    logging.root.setLevel(min(level or logging.INFO, logging.INFO))
    try:
        yield
    finally:
        logging.root.setLevel(level)
