"""What a worker makes of a message, without a worker: its shape, and what the end of a slice means."""

from __future__ import annotations

from typing import Any

import pytest
from billiard.einfo import ExceptionInfo
from kombu.message import Message

from clerk_tasks.celery import app
from clerk_tasks.worker.doorbell import MOST_BYTES, OTHER_TASK, Malformed, Slice, normalise

TASKS = {"clerk.greet"}


def message(**changes: Any) -> Message:
    """Return a message as kombu gives it, with some of its parts changed."""
    parts: dict[str, Any] = {
        "headers": {"task": "clerk.greet", "id": "0a-1", "timelimit": "x", "eta": "2099-01-01", "retries": [1]},
        "delivery_info": {"exchange": "", "routing_key": "default"},
        "properties": {"reply_to": "elsewhere", "correlation_id": "x"},
        "body": '[["a job"], {}, {"chain": []}]',
    }
    return Message(**parts | changes)


def test_nothing_of_a_message_is_used_but_queue_task_and_id() -> None:
    """Guard: normalise. A header that Celery cannot take cost the worker a slot of its pool for good."""
    given = message()
    normalise(given, queues=["default"], tasks=TASKS)
    assert given.headers == {
        "lang": "py",
        "task": "clerk.greet",
        "id": "0a-1",
        "argsrepr": "default",
        "ignore_result": True,
    }
    assert (given.properties, given.body) == ({"correlation_id": "0a-1"}, "")


def test_a_job_type_that_is_not_known_here_says_that_there_is_work_all_the_same() -> None:
    given = message(headers={"task": "clerk.fresh", "id": "1"})
    normalise(given, queues=["default"], tasks=TASKS)
    assert given.headers["task"] == OTHER_TASK


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": None},
        {"headers": {"id": "1"}},
        {"headers": {"task": ["clerk.greet"], "id": "1"}},
        {"headers": {"task": "celery.ping", "id": "1"}},
        {"headers": {"task": "clerk.\x1b[2J", "id": "1"}},
        {"headers": {"task": "clerk.greet"}},
        {"headers": {"task": "clerk.greet", "id": {"a": 1}}},
        {"headers": {"task": "clerk.greet", "id": "x" * 101}},
        {"delivery_info": None},
        {"delivery_info": {"routing_key": "other"}},
        {"body": "x" * (MOST_BYTES + 1)},
    ],
)
def test_what_does_not_have_our_shape_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        normalise(message(**changes), queues=["default"], tasks=TASKS)


class Woken:
    """A relay that counts how often it is asked to look."""

    def __init__(self) -> None:
        self.times = 0

    def set(self) -> None:
        self.times += 1


def a_slice(relay: Woken) -> Slice:
    given = message()
    normalise(given, queues=["default"], tasks=TASKS)
    task = next(iter(app.tasks.values()))
    return Slice(given, wake_relay=relay.set, app=app, task=task, body=(["default"], {}, {}), decoded=True)


def test_the_relay_looks_for_work_when_a_child_is_free() -> None:
    relay = Woken()
    a_slice(relay).on_success((0, repr(None), 0.1))
    assert relay.times == 1


def test_a_child_that_can_run_no_job_is_not_given_the_next_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """Guard: `unfit`. The same jobs would come back to it, each handed back in turn."""
    relay = Woken()
    a_slice(relay).on_success((0, repr("its folder is gone"), 0.1))
    assert relay.times == 0
    assert "its folder is gone" in caplog.text


@pytest.mark.parametrize(("error", "times"), [(SystemExit(0), 1), (ValueError("ours"), 0)])
def test_a_child_that_has_ended_is_missed_and_an_error_is_not_repeated_at_once(
    error: BaseException, times: int
) -> None:
    relay = Woken()
    try:
        raise error
    except BaseException:
        a_slice(relay).on_failure(ExceptionInfo())
    assert relay.times == times
