"""What a worker makes of a message: it says that a queue has work, and starts a slice of work on it in a child.

A message is held against one strict shape before Celery handles it. Nothing of it is used but the queue that it
arrived on, its task's name and its id.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Container
from typing import Any

from billiard.einfo import ExceptionWithTraceback
from billiard.exceptions import WorkerLostError
from celery import Celery, Task
from celery.worker import state
from celery.worker.request import Request
from kombu.message import Message

logger = logging.getLogger(__name__)

#: The task of a message whose job type this worker does not know: it says that there is work, all the same.
OTHER_TASK = "clerk_tasks.other"
#: What a message's body may be at most, in bytes; nothing of it is read.
MOST_BYTES = 64 * 1024
_TASK = re.compile(r"clerk\.[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")


#: What Celery makes of the None that a child returns which can run jobs.
FIT = repr(None)


class Malformed(ValueError):
    """A message does not have our shape."""


def normalise(message: Message, *, queues: Container[str], tasks: Container[str]) -> None:
    """Replace what a message brings by what we make of it; raises Malformed if it does not have our shape."""
    headers = message.headers if isinstance(message.headers, dict) else {}
    task, task_id = headers.get("task"), headers.get("id")
    queue = (message.delivery_info or {}).get("routing_key")
    if not (isinstance(task, str) and _TASK.fullmatch(task)):
        raise Malformed("its task is not one of clerk's")
    if not (isinstance(task_id, str) and _ID.fullmatch(task_id)):
        raise Malformed("its id is not one")
    if queue not in queues:
        raise Malformed(f"queue {queue!r:.100} is not served here")
    if len(message.body or "") > MOST_BYTES:
        raise Malformed(f"it has more than {MOST_BYTES} bytes")
    message.headers = {
        "lang": "py",
        "task": task if task in tasks else OTHER_TASK,
        "id": task_id,
        "argsrepr": queue,
        "ignore_result": True,
    }
    message.properties, message.body = {"correlation_id": task_id}, ""


class Slice(Request):  # type: ignore[misc]
    """A slice of work, as the worker's parent sees it. The relay looks for work when one begins and when one ends."""

    def __init__(self, message: Message, *, wake_relay: Callable[[], None], **options: Any) -> None:
        super().__init__(message, **options)
        self._wake_relay = wake_relay

    def on_accepted(self, pid: int, time_accepted: float) -> None:
        """Note that a child has begun: if the queue has more jobs, other children are wanted too."""
        super().on_accepted(pid, time_accepted)
        self._wake_relay()

    def on_success(self, failed__retval__runtime: Any, **_: Any) -> None:
        """Note that a child is free: what it left, or made available, is to be published.

        Not at once if it can run no job: the same jobs would come back to it.
        """
        state.task_ready(self, successful=True)
        _failed, unfit, _runtime = failed__retval__runtime
        if unfit != FIT:
            logger.error("this worker cannot run jobs of queue %s: %s", self.argsrepr, unfit.strip("'\""))
        else:
            self._wake_relay()

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> None:
        """Note that a child ended, or that a slice failed; the relay's next pass looks for the work."""
        state.task_ready(self)
        error = exc_info.exception
        if isinstance(error, ExceptionWithTraceback):
            error = error.exc
        if isinstance(error, Exception) and not isinstance(error, WorkerLostError):
            logger.error("a slice of queue %s failed: %s", self.argsrepr, error)
        else:
            self._wake_relay()


def strategy(task: Task, app: Celery, consumer: Any, **_: Any) -> Callable[..., None]:
    """Return what handles the messages of a task: Celery's `Task.Strategy`."""
    wake_relay = consumer.controller.relay_wanted.set

    def handle(message: Message, _body: Any, ack: Any, reject: Any, callbacks: Any, **_options: Any) -> None:
        request = Slice(
            message,
            wake_relay=wake_relay,
            on_ack=ack,
            on_reject=reject,
            app=app,
            hostname=consumer.hostname,
            task=task,
            connection_errors=consumer.connection_errors,
            body=([message.headers["argsrepr"]], {}, {}),
            decoded=True,
        )
        state.task_reserved(request)
        for callback in callbacks:
            callback(request)
        consumer.on_task_request(request)

    return handle
