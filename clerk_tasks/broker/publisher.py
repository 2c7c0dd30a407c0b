"""Publish doorbells: messages that say that a queue has work, through kombu, to Redis, Valkey or RabbitMQ."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import uuid_utils

from clerk.application import part
from clerk.errors import BrokerRefused, BrokerUnavailable
from clerk.jobs import Priority
from clerk_tasks.broker import embedded
from clerk_tasks.broker.table import broker_url, load_broker
from clerk_tasks.ledger.insert import Message

if TYPE_CHECKING:
    import kombu

    from clerk_tasks.broker.base import Broker, Problem

Answer = TypeVar("Answer")

_ABSENT = "The embedded broker is not running: `clerk-tasks up` or a worker starts it."

_ORIGIN = f"{os.getpid()}@{socket.gethostname()}"
#: A Celery task's positional arguments, keyword arguments, and callbacks: none, since a message says no more than that.
_BODY = "[[], {}, {}]"


def task_name(job_type: str) -> str:
    """Return the Celery task's name of a job type."""
    return f"clerk.{job_type}"


class Publisher:
    """One connection to the broker, opened at the first use, kept, and opened again after an error."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._lock = threading.Lock()
        self._producer: kombu.Producer | None = None
        self._declared: set[str] = set()
        self._failure: str | None = None  # the last one, and when it was
        self._failed_at = 0.0

    def publish(self, messages: Sequence[Message]) -> None:
        """Publish messages; raises BrokerUnavailable, after which some may have been published."""
        if messages:
            self._attempt(lambda: self._publish(messages))

    def depth(self, name: str) -> int:
        """Return how many messages of a queue are ready to be delivered; raises BrokerUnavailable."""
        return self._attempt(lambda: self.broker.depth(self._connect().channel, name))

    def check(self) -> None:
        """Reach the broker once; raises BrokerUnavailable."""
        self._attempt(self._connect)

    def problems(self) -> list[Problem]:
        """Return what is wrong with the broker's configuration; raises BrokerUnavailable."""
        return self._attempt(lambda: list(self.broker.problems(self._connect().channel)))

    def unusable(self, names: Sequence[str]) -> list[Problem]:
        """Return those queues that the broker refuses, with what mends them; raises BrokerUnavailable."""
        return self._attempt(lambda: list(self.broker.unusable(self._connect().connection, names)))

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.connection.release()

    @cached_property
    def broker(self) -> Broker:
        """The broker behind the address."""
        return load_broker(self.url)

    def _attempt(self, action: Callable[[], Answer]) -> Answer:
        asked_at = time.monotonic()
        with self._lock:
            if self._failure is not None and asked_at < self._failed_at:
                raise BrokerUnavailable(self._failure)  # who waited for it would wait as long again
            try:
                return self._attempt_twice(action)
            except BrokerRefused:
                raise
            except BrokerUnavailable as error:
                self._failure, self._failed_at = str(error), time.monotonic()
                raise

    def _attempt_twice(self, action: Callable[[], Answer]) -> Answer:
        fresh = self._producer is None
        if fresh and self._is_absent():
            raise BrokerUnavailable(_ABSENT)
        try:
            return action()
        except self.broker.errors as error:
            self.close()
            if fresh:
                raise self._unavailable(error) from error
        # The connection had been idle, and the broker may have gone and come back since.
        try:
            return action()
        except self.broker.errors as error:
            self.close()
            raise self._unavailable(error) from error

    def _connect(self) -> kombu.Producer:
        if self._producer is None:
            if self._is_absent():
                raise ConnectionRefusedError(_ABSENT)
            connection = self.broker.connect()
            self._declared = set()
            self._producer = connection.Producer(connection.channel())
        return self._producer

    def _publish(self, messages: Sequence[Message]) -> None:
        producer = self._connect()
        for name in {message.queue for message in messages} - self._declared:
            self.broker.declare(producer.channel, name)
            self._declared.add(name)
        # A batch of one costs more than one message.
        with producer.batch() if len(messages) > 1 else nullcontext():
            for message in messages:
                self._send(producer, message)

    def _send(self, producer: kombu.Producer, message: Message) -> None:
        message_id = str(uuid_utils.uuid4())
        producer.publish(
            _BODY,
            exchange="",
            routing_key=message.queue,
            priority=self.broker.priorities[Priority(message.priority)],
            headers=_headers(message, message_id),
            correlation_id=message_id,
            content_type="application/json",
            content_encoding="utf-8",
            delivery_mode=2,
        )

    def _is_absent(self) -> bool:
        """Return whether ours is the embedded broker and it is not running; kombu would try for seconds."""
        return self.url == embedded.broker_url() and not embedded.is_running()

    def _unavailable(self, error: BaseException) -> BrokerUnavailable:
        if self._is_absent():
            return BrokerUnavailable(_ABSENT)
        cause = error.__cause__ or error
        if isinstance(cause, self.broker.refusals):
            return BrokerRefused(f"The broker {self.broker.shown} refuses: {cause}")
        return BrokerUnavailable(f"The broker {self.broker.shown} cannot be reached: {cause}")


def _headers(message: Message, message_id: str) -> dict[str, Any]:
    """Return what a Celery worker, `celery inspect` and Flower want to see of message protocol 2."""
    return {
        "lang": "py",
        "task": task_name(message.job_type),
        "id": message_id,
        "root_id": message_id,
        "argsrepr": message.queue,
        "kwargsrepr": "",
        "origin": _ORIGIN,
        "ignore_result": True,
    }


@part(close=Publisher.close)
def publisher() -> Publisher:
    """Return this process's publisher."""
    return Publisher(broker_url())
