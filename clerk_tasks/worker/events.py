"""Celery's task events, one set for each job, so that Flower and `celery events` show jobs rather than messages.

A child writes them into a pipe, and a thread of its parent publishes them. An event that does not fit is dropped: no
job waits for a slow broker.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from celery.events import EventDispatcher

from clerk_tasks.ledger.claims import Claim
from clerk_tasks.worker.outcomes import Completed, Failed, HandedBack, Settle

logger = logging.getLogger(__name__)

#: What an event may be at most, in bytes: a pipe takes that in one piece (PIPE_BUF on Linux).
_MOST_BYTES = 4096
#: What is kept of a text that an event carries, in characters: two of them, of four bytes each, fit.
_MOST_TEXT = 400
#: How much is published at once, in bytes.
_CHUNK = 64 * 1024


class EventPipe:
    """The parent's side: publishes what the children write."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()
        #: Where a child opens it. Only Linux gives an open pipe a name; elsewhere no job emits events.
        self.path = f"/proc/{os.getpid()}/fd/{self._writing}" if sys.platform == "linux" else os.devnull

    def publish(self, connect: Callable[[], EventDispatcher]) -> None:
        """Publish until the end of the process; what the broker does not take is dropped, and it connects again."""
        dispatcher, failed = None, False
        for events in self._chunks():
            try:
                dispatcher = dispatcher or connect()
                for kind, fields in events:
                    dispatcher.send(kind, **fields)
                dispatcher.flush(errors=False)
                failed = False
            except Exception as error:  # each transport has its own
                if not failed:
                    logger.warning("events are dropped until the broker takes them again: %s", error)
                failed = True
                _close(dispatcher)
                dispatcher = None

    def _chunks(self) -> Iterator[list[Any]]:
        rest = b""
        while True:
            *lines, rest = (rest + os.read(self._reading, _CHUNK)).split(b"\n")
            yield [json.loads(line) for line in lines]


def dispatcher(app: Any, hostname: str) -> EventDispatcher:
    """Return a dispatcher with a connection of its own, which sends the events of jobs together."""
    return app.events.Dispatcher(
        app.connection_for_write(), hostname=hostname, buffer_while_offline=False, buffer_group={"task"}
    )


def _close(dispatcher: EventDispatcher | None) -> None:
    if dispatcher is not None:
        with suppress(Exception):  # it is lost already
            dispatcher.connection.close()


class Events:
    """A child's side."""

    def __init__(self, path: str) -> None:
        self._pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK)

    def began(self, claim: Claim) -> None:
        """Say that a job was taken and has begun, with its arguments as JSON."""
        arguments = {"args": repr((claim.subdomain,)), "kwargs": claim.arguments}
        self._emit("task-received", claim, name=f"clerk.{claim.job_type}", retries=claim.attempt - 1, **arguments)
        self._emit("task-started", claim)

    def ended(self, claim: Claim, outcome: Settle, seconds: float) -> None:
        """Say what became of a job."""
        if isinstance(outcome, Completed):
            self._emit("task-succeeded", claim, result=repr(outcome.result), runtime=seconds)
        elif isinstance(outcome, Failed):
            is_last = outcome.final or claim.attempt >= claim.max_attempts
            kind = "task-failed" if is_last else "task-retried"
            self._emit(kind, claim, exception=outcome.error, traceback=outcome.traceback)
        elif isinstance(outcome, HandedBack):
            self._emit("task-retried", claim, exception=outcome.reason, traceback=None)
        else:
            self._emit("task-revoked", claim, terminated=False, signum=None, expired=False)

    def _emit(self, kind: str, claim: Claim, **fields: Any) -> None:
        short = {name: value[:_MOST_TEXT] if isinstance(value, str) else value for name, value in fields.items()}
        event = {"uuid": claim.job_id, "timestamp": time.time(), **short}
        line = json.dumps([kind, event], ensure_ascii=False).encode(errors="replace") + b"\n"
        if len(line) <= _MOST_BYTES:
            with suppress(BlockingIOError, BrokenPipeError):  # full, or the parent is gone
                os.write(self._pipe, line)
