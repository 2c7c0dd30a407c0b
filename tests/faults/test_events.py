"""Celery's task events: Flower and `celery events` see jobs, and no job waits for them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from celery import Celery
from kombu import Connection

from clerk_tasks.broker.table import broker_url, load_broker
from devtools.processes import wait_for
from devtools.system import System


class Watcher:
    """Receives the events of every worker, as Flower does."""

    def __init__(self) -> None:
        load_broker(broker_url()).install()
        self.events: list[dict[str, Any]] = []
        app = Celery(broker=broker_url(), set_as_current=False)
        self._connection = Connection(broker_url())
        self._receiver = app.events.Receiver(self._connection, handlers={"*": self.events.append})
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        with self._connection:
            self._receiver.capture(limit=None, timeout=None, wakeup=False)

    def close(self) -> None:
        """Stop to listen."""
        self._receiver.should_stop = True
        self._thread.join()

    def has_ended(self, job_id: str) -> bool:
        """Return whether a job has succeeded."""
        return "task-succeeded" in self.kinds(job_id)

    def kinds(self, job_id: str) -> list[str]:
        """Return the kinds of a job's events, in the order of arrival."""
        return [event["type"] for event in list(self.events) if event.get("uuid") == job_id]


@pytest.fixture
def watcher(every_broker_system: System) -> Iterator[Watcher]:
    every_broker_system.worker("-c", "1", "-E")
    watcher = Watcher()
    wait_for(lambda: every_broker_system.enqueue("note") and watcher.events, "the watcher hears a job")
    yield watcher
    watcher.close()


def test_each_job_of_a_slice_has_its_own_events(every_broker_system: System, watcher: Watcher) -> None:
    """Guards: the pipe of the children, and the dispatcher that publishes what is in it."""
    done = [every_broker_system.enqueue("note", key=key) for key in "ab"]
    for job_id in done:
        wait_for(partial(watcher.has_ended, job_id), "its end is announced")
        assert watcher.kinds(job_id) == ["task-received", "task-started", "task-succeeded"]
    received = next(event for event in watcher.events if event.get("uuid") == done[0])
    assert (received["name"], received["args"], received["kwargs"]) == ("clerk.note", "('a.ca',)", '{"key": "a"}')
