"""Publish doorbells: messages that carry a job's id, through kombu, to Redis, Valkey or RabbitMQ."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import lru_cache
from typing import Any, TypeVar

import kombu
from kombu.exceptions import BatchPublishError, OperationalError
from kombu.transport.pyamqp import Transport as Amqp
from kombu.transport.redis import Transport as Redis

from clerk.application import part
from clerk.errors import BrokerUnavailable
from clerk.jobs import Priority
from clerk.settings import settings
from clerk_tasks.broker import embedded
from clerk_tasks.broker.redis import Transport
from clerk_tasks.ledger.insert import Message

#: RabbitMQ queues are classic ones with this many levels.
MAX_PRIORITY = 9
#: The message priority of each job priority. Redis serves 0 first, RabbitMQ the highest number, and Redis takes a
#: message without one for its most urgent.
REDIS_PRIORITIES = {Priority.HIGH: 0, Priority.NORMAL: 3, Priority.LOW: 6}
AMQP_PRIORITIES = {Priority.HIGH: 9, Priority.NORMAL: 5, Priority.LOW: 1}
#: Every wait for a broker ends: a stalled one must not hold a command, or a worker's relay, for ever. Seconds.
TRANSPORT_OPTIONS: dict[str, Any] = {
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 15,
}

Answer = TypeVar("Answer")

_ORIGIN = f"{os.getpid()}@{socket.gethostname()}"
#: Celery's third part of a message body: no callbacks, no chains, no chords.
_EMBED = json.dumps({"callbacks": None, "errbacks": None, "chain": None, "chord": None})


def broker_url() -> str:
    """Return the broker's address: configured, else the embedded broker's."""
    return settings().broker_url or embedded.broker_url()


def is_redis(url: str) -> bool:
    """Return whether an address is of a Redis or Valkey server, rather than of RabbitMQ."""
    return url.startswith("redis")


def transport_options(url: str) -> dict[str, Any]:
    """Return the transport options for a broker address."""
    if is_redis(url):
        return dict(TRANSPORT_OPTIONS)
    return {"confirm_publish": False, "read_timeout": 10, "write_timeout": 10, "connect_timeout": 5}


def queue(name: str) -> kombu.Queue:
    """Return the queue as every side declares it; RabbitMQ refuses one that is declared in two ways."""
    return kombu.Queue(name, queue_arguments={"x-max-priority": MAX_PRIORITY})


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
        self._priorities = REDIS_PRIORITIES

    def publish(self, messages: Sequence[Message]) -> None:
        """Publish messages; raises BrokerUnavailable, after which some may have been published."""
        if messages:
            self._attempt(lambda: self._publish(messages))

    def depth(self, name: str) -> int:
        """Return how many messages of a queue are ready to be delivered; raises BrokerUnavailable."""
        return self._attempt(lambda: int(queue(name)(self._connect().channel).queue_declare().message_count))

    def check(self) -> None:
        """Reach the broker once; raises BrokerUnavailable."""
        self._attempt(self._connect)

    def eviction_policy(self) -> str | None:
        """Return a Redis or Valkey server's maxmemory-policy, None for another broker or where it is not readable."""

        def ask() -> str | None:
            channel = self._connect().channel
            with channel.conn_or_acquire() as client:
                policy: str | None = client.info("memory").get("maxmemory_policy")
                return policy

        return self._attempt(ask) if is_redis(self.url) else None

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.connection.release()

    def _attempt(self, action: Callable[[], Answer]) -> Answer:
        with self._lock:
            fresh = self._producer is None
            try:
                return action()
            except _errors() as error:
                self.close()
                if fresh:
                    raise self._unavailable(error) from error
            # The connection had been idle, and the broker may have gone and come back since.
            try:
                return action()
            except _errors() as error:
                self.close()
                raise self._unavailable(error) from error

    def _connect(self) -> kombu.Producer:
        if self._producer is None:
            if self._is_absent():
                raise OperationalError("it is not running")
            connection = kombu.Connection(self.url, transport_options=transport_options(self.url), connect_timeout=5)
            if is_redis(self.url):
                connection.transport_cls = Transport
            connection.ensure_connection(max_retries=0)  # the relay tries again; a command does not wait for it
            redis = connection.transport.driver_type == "redis"
            self._priorities = REDIS_PRIORITIES if redis else AMQP_PRIORITIES
            self._declared = set()
            self._producer = kombu.Producer(connection.channel())
        return self._producer

    def _publish(self, messages: Sequence[Message]) -> None:
        producer = self._connect()
        for name in {message.queue for message in messages} - self._declared:
            queue(name)(producer.channel).declare()
            self._declared.add(name)
        # A batch of one costs more than one message.
        with producer.batch() if len(messages) > 1 else nullcontext():
            for message in messages:
                self._send(producer, message)

    def _send(self, producer: kombu.Producer, message: Message) -> None:
        producer.publish(
            f'[["{message.job_id}"], {{}}, {_EMBED}]',
            exchange="",
            routing_key=message.queue,
            priority=self._priorities[Priority(message.priority)],
            headers=_headers(message),
            correlation_id=message.job_id,
            content_type="application/json",
            content_encoding="utf-8",
            delivery_mode=2,
        )

    def _is_absent(self) -> bool:
        """Return whether ours is the embedded broker and it is not running; kombu would try for seconds."""
        return self.url == embedded.broker_url() and not embedded.is_running()

    def _unavailable(self, error: BaseException) -> BrokerUnavailable:
        if self._is_absent():
            return BrokerUnavailable("The embedded broker is not running: `clerk-tasks up` or a worker starts it.")
        where = kombu.Connection(self.url).as_uri()
        return BrokerUnavailable(f"The broker {where} cannot be reached: {error.__cause__ or error}")


def _headers(message: Message) -> dict[str, Any]:
    """Return what a Celery worker, `celery inspect` and Flower want to see of message protocol 2."""
    return {
        "lang": "py",
        "task": task_name(message.job_type),
        "id": message.job_id,
        "root_id": message.job_id,
        "argsrepr": message.job_id,
        "kwargsrepr": "",
        "origin": _ORIGIN,
        "ignore_result": True,
    }


@lru_cache(maxsize=1)
def _errors() -> tuple[type[BaseException], ...]:
    return (
        OSError,
        OperationalError,
        BatchPublishError,
        *Redis.connection_errors,
        *Redis.channel_errors,
        *Amqp.connection_errors,
    )


@part(close=Publisher.close)
def publisher() -> Publisher:
    """Return this process's publisher."""
    return Publisher(broker_url())
