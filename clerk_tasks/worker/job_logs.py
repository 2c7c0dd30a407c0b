"""What a worker's children say, read by their parent: shown in the worker's log, and kept in the ledger.

One thread reads the pipes of the children, and another writes to the ledger: a child that the database keeps waiting
could not end its job.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Callable

from clerk.database.held import HeldConnection
from clerk.settings import settings
from clerk_tasks.ledger import attempt_logs
from clerk_tasks.worker.attempt_log import AttemptLog
from clerk_tasks.worker.child_stream import MOST_SHOWN, SHORTEST_LINE, ChildStream
from clerk_tasks.worker.children import Children, Work
from clerk_tasks.worker.thread_errors import errors_logged

logger = logging.getLogger(__name__)

#: How much is read at once, in bytes: as much as a pipe holds.
_CHUNK = 64 * 1024
#: How long output is collected before it is divided into lines, in seconds.
_COLLECT = 0.2
#: How long lines are collected before they are written to the ledger, in seconds.
_BATCH = 0.5


class JobLogs:
    """The parent's side of its children's output."""

    def __init__(self, children: Children, *, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the children and `limit`, the bytes that are kept of one attempt's log; 0: it is only shown."""
        self._children, self._limit, self._clock = children, limit, clock
        self._most_lines = max(limit // SHORTEST_LINE, MOST_SHOWN)  # what the log of an attempt has room for
        self._streams: dict[int, ChildStream] = {}  # by the file descriptor that is read
        self._logs: dict[Work, AttemptLog] = {}
        self._lock = threading.Lock()  # of the logs
        self._poll = select.poll()
        self._wake, self._woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if children.capture() else (-1, -1)
        self._over, self._said = threading.Event(), threading.Event()
        self._all_read = threading.Event()
        self._divide_at = 0.0
        if self._wake >= 0:
            self._poll.register(self._wake, select.POLLIN)

    def open(self, count: int) -> None:
        """Make pipes for so many children; each keeps its own."""
        if self._wake < 0 or count <= len(self._streams):
            return
        for index in range(len(self._streams), count):
            reading, writing = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(reading, False)
            self._streams[reading] = ChildStream(index)
            self._poll.register(reading, select.POLLIN)
            self._children.offer_pipe(index, writing)
        os.write(self._woken, b".")

    def read(self) -> None:
        """Read until `close`, and then what is left."""
        while self._wake >= 0 and not self._over.is_set():
            with errors_logged("reading what jobs say"):
                self.read_once(self._wait())
        with errors_logged("reading what jobs say"):
            while self.read_once(0.0):
                pass
        self._all_read.set()

    def _wait(self) -> float | None:
        """Return how long nothing needs to be done, in seconds; None: until a child says something."""
        pending = [due for stream in self._streams.copy().values() if (due := stream.due) is not None]
        return max(max(min(pending), self._divide_at) - self._clock(), 0.0) if pending else None

    def read_once(self, timeout: float | None) -> bool:
        """Wait so many seconds (None: without end) for what children say, and read it; return whether there was any."""
        ready = [descriptor for descriptor, _ in self._poll.poll(None if timeout is None else timeout * 1000)]
        for descriptor in ready:
            if descriptor == self._wake:
                os.read(self._wake, 4096)
                continue
            stream = self._streams[descriptor]
            # Before it is read: until then the child stays with the job that said it.
            taken, subject = self._children.subject(stream.index)
            if stream.subject_changes(taken, subject):
                self._divide(stream, over=True)
            stream.begin(taken, subject)
            stream.add(os.read(descriptor, _CHUNK), self._clock(), most=max(self._limit, _CHUNK))
        if self._clock() >= self._divide_at or self._over.is_set():
            self._divide_at = self._clock() + _COLLECT
            for stream in self._streams.copy().values():
                self._divide(stream, over=self._over.is_set())
        return bool(ready)

    def _divide(self, stream: ChildStream, *, over: bool) -> None:
        """Divide what a child has said into lines: show them, and have them written. `over`: no more will come."""
        dropped, lines = stream.lines(self._clock(), most=self._most_lines, over=over)
        if not (dropped or lines):
            return
        stream.show(dropped, lines)
        if stream.subject is None or not self._limit:
            return
        work = Work(stream.subject.job_id, stream.subject.attempt)
        with self._lock:
            self._logs.setdefault(work, AttemptLog(work, self._limit)).add(dropped, lines)
        self._said.set()

    def write(self, held: HeldConnection) -> None:
        """Write to the ledger until `close`, and then what is left."""
        while not self._over.is_set():
            self._said.wait()
            self._over.wait(_BATCH)
            self._said.clear()
            with errors_logged("writing the logs of jobs"):
                self.write_once(held)
        self._all_read.wait(_BATCH)
        with errors_logged("writing the logs of jobs"):
            self.write_once(held)

    def write_once(self, held: HeldConnection) -> None:
        """Write what was read."""
        with self._lock:
            batches = [batch for log in self._logs.values() if (batch := log.batch())]
        try:
            if batches:
                with held.transaction() as connection:
                    for batch in batches:
                        attempt_logs.append(connection, batch.job_id, batch.attempt, batch.parts, keep=batch.keep)
        except BaseException:
            self._said.set()  # they are tried again
            raise
        at_work = {Work(*subject[:2]) for stream in self._streams.copy().values() if (subject := stream.subject)}
        with self._lock:
            for batch in batches:
                self._logs[Work(batch.job_id, batch.attempt)].written(batch)
            self._logs = {work: log for work, log in self._logs.items() if work in at_work or log.is_unwritten}

    def close(self) -> None:
        """End both threads, once what was said is read and written."""
        self._over.set()
        if self._wake >= 0:
            os.write(self._woken, b".")
        self._said.set()


def job_logs(children: Children) -> JobLogs:
    """Return the logs of a worker's jobs, as the settings say."""
    return JobLogs(children, limit=settings().job_log_limit * 1024)
