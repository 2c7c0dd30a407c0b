"""What a pool child says while it works on a job, on the way to its parent: print, subprocesses and log lines.

Its stdout and stderr are a pipe that its parent reads. A job is not over before the parent has read all that is in the
pipe, so whatever the parent reads is of the job that the child says it works on. A job that says nothing costs one
system call, which asks whether the pipe is empty; one that is killed leaves all that it has written.
"""

from __future__ import annotations

import fcntl
import io
import logging
import os
import sys
import termios
import time
from pathlib import Path

from clerk_tasks import logs

#: What begins a line of the log in the pipe, and what ends its level: the parent does not show such a line again.
LOG_MARK, END_OF_LEVEL = b"\x1e", b"\x1f"
#: How long a job waits for the parent to read what it said, in seconds: a parent that is stopped does not.
READING_PATIENCE = 2.0
#: How long one look at the pipe follows after the other, in seconds.
_PAUSE = 0.0005
_EMPTY = bytes(4)
#: The descriptor of the pipe, if the output of this process goes there.
_captured: list[int] = []


class ChildOutput:
    """A child's side of its pipe."""

    def __init__(self, path: Path) -> None:
        """Open the parent's pipe: for reading too, so that a job of a parent that has died is not killed by a print."""
        self._pipe = os.open(path, os.O_RDWR)
        self._unread = bytearray(4)
        #: Whether lines of the log are a job's.
        self.of_job = False

    def capture(self) -> None:
        """Send stdout and stderr into the pipe; the log stays where it is, and a job's goes into the pipe too."""
        own_log = open(os.dup(2), "w", buffering=1, errors="backslashreplace")  # noqa: SIM115, PTH123 - while we live
        for number in (1, 2):
            os.dup2(self._pipe, number)
        _captured.append(self._pipe)
        sys.stdout = sys.__stdout__ = unbuffered(1)  # type: ignore[misc]
        sys.stderr = sys.__stderr__ = unbuffered(2)  # type: ignore[misc]
        logs.write_to(own_log, _IntoPipe(self))

    def begin_slice(self) -> None:
        """Wait until the parent has read what was said before."""
        self._wait_until_read()

    def begin_job(self) -> None:
        """From now on the log is the job's."""
        self.of_job = True

    def end_job(self) -> None:
        """Wait until the parent has read what the job has said, READING_PATIENCE at most."""
        self.of_job = False
        self._wait_until_read()

    def _wait_until_read(self) -> None:
        if not self._has_unread():
            return
        until = time.monotonic() + READING_PATIENCE
        while self._has_unread() and time.monotonic() < until:
            time.sleep(_PAUSE)

    def _has_unread(self) -> bool:
        fcntl.ioctl(self._pipe, termios.FIONREAD, self._unread)
        return self._unread != _EMPTY

    def write(self, line: bytes) -> None:
        """Write into the pipe; wait while it is full."""
        while line:
            line = line[os.write(self._pipe, line) :]


class _IntoPipe(logging.Handler):
    """Writes the lines that a job logs into the pipe."""

    def __init__(self, output: ChildOutput) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, and each line of its traceback."""
        if not self._output.of_job:
            return
        try:
            begin = LOG_MARK + record.levelname.encode(errors="replace") + END_OF_LEVEL
            text = self.format(record).encode(errors="replace")
            self._output.write(b"".join(begin + line + b"\n" for line in text.split(b"\n")))
        except Exception:  # as the handlers of the standard library do: no line is worth a job
            self.handleError(record)


def open_again(number: int) -> None:
    """Open a standard descriptor that a job has closed: stdout and stderr where they went, stdin on nothing."""
    if _captured and number in (1, 2):
        os.dup2(_captured[0], number)
    else:
        nothing = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
        os.set_inheritable(nothing, True)


def unbuffered(number: int) -> io.TextIOWrapper:
    """Return a stream like that of `python -u`: what a job has written is in the pipe, however the job ends."""
    raw = io.FileIO(number, "w", closefd=False)
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)
