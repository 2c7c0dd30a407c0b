"""The events of jobs on their way from a child to its parent."""

from __future__ import annotations

import json
import queue
import threading
from typing import Any

import pytest

from clerk_tasks.ledger.claims import Claim
from clerk_tasks.worker.events import EventPipe, Events
from clerk_tasks.worker.outcomes import Completed, Failed, HandedBack, Settle, Stopped

pytestmark = pytest.mark.skipif("sys.platform != 'linux'", reason="only Linux names an open pipe")


def claim(arguments: str = "{}", attempt: int = 1) -> Claim:
    return Claim("job-1", attempt, "i", 1, "run", 1, "greet", "a.ca", arguments, 2, 1.0, 1.0)


class Broker:
    """A dispatcher that puts what it is given into a queue, or rejects it."""

    def __init__(self) -> None:
        self.sent: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self.away = threading.Event()
        self.connections = 0

    def connect(self) -> Broker:
        self.connections += 1
        return self

    @property
    def connection(self) -> Broker:
        return self

    def close(self) -> None:
        pass

    def send(self, kind: str, **fields: Any) -> None:
        if self.away.is_set():
            self.sent.put(("rejected", {}))
            raise ConnectionResetError
        self.sent.put((kind, fields))

    def flush(self, errors: bool) -> None:
        assert not errors

    def next(self) -> tuple[str, dict[str, Any]]:
        return self.sent.get(timeout=10)


@pytest.fixture
def pipe() -> EventPipe:
    return EventPipe()


@pytest.fixture
def broker(pipe: EventPipe) -> Broker:
    made = Broker()
    threading.Thread(target=pipe.publish, args=[made.connect], daemon=True).start()
    return made


@pytest.mark.parametrize(
    ("outcome", "attempt", "kind", "fields"),
    [
        (Completed({"n": 1}), 1, "task-succeeded", {"result": "{'n': 1}", "runtime": 0.5}),
        (Failed("OSError: away", traceback="T"), 1, "task-retried", {"exception": "OSError: away", "traceback": "T"}),
        (Failed("OSError: away"), 2, "task-failed", {"exception": "OSError: away", "traceback": None}),
        (Failed("no such year", final=True), 1, "task-failed", {"exception": "no such year", "traceback": None}),
        (HandedBack("no memory"), 2, "task-retried", {"exception": "no memory", "traceback": None}),
        (Stopped("cancelled"), 1, "task-revoked", {"terminated": False, "signum": None, "expired": False}),
    ],
)
def test_an_end_is_what_celery_calls_it(
    pipe: EventPipe, broker: Broker, outcome: Settle, attempt: int, kind: str, fields: dict[str, Any]
) -> None:
    """Guards: `ended`, which knows that the last attempt is not tried again."""
    Events(pipe.path).ended(claim(attempt=attempt), outcome, 0.5)
    found, given = broker.next()
    assert found == kind
    assert given.pop("timestamp") > 0
    assert given == {"uuid": "job-1", **fields}


def test_a_child_waits_for_no_parent(pipe: EventPipe) -> None:
    """Guard: O_NONBLOCK: what the pipe does not take is dropped, and nothing of it is cut in two."""
    events = Events(pipe.path)
    for _ in range(1000):
        events.began(claim(json.dumps({"name": "x" * 5000})))
    heard = Broker()
    threading.Thread(target=pipe.publish, args=[heard.connect], daemon=True).start()
    kinds = [heard.next()[0] for _ in range(20)]
    assert set(kinds) == {"task-received", "task-started"}


def test_what_the_broker_rejects_is_dropped_and_it_connects_again(pipe: EventPipe, broker: Broker) -> None:
    """Guard: `except Exception`: the thread goes on when the broker is back."""
    events = Events(pipe.path)
    broker.away.set()
    events.ended(claim(), Completed(None), 0.1)
    assert broker.next()[0] == "rejected"
    broker.away.clear()
    events.ended(claim(), Completed(None), 0.2)
    assert broker.next()[1]["runtime"] == 0.2
    assert broker.connections == 2


def test_long_texts_are_cut_so_that_the_event_fits(pipe: EventPipe, broker: Broker) -> None:
    """Guard: _MOST_TEXT: an event over the limit would be dropped, and the job look as if it went on."""
    events = Events(pipe.path)
    long = "\N{GRINNING FACE}" * 1000
    events.began(claim(json.dumps({long: long})))
    events.ended(claim(), Failed(long, traceback=long), 0.1)
    assert [broker.next()[0] for _ in range(3)] == ["task-received", "task-started", "task-retried"]
