"""What makes a worker's connection to the broker ours: it outlives garbage, and it is back soon after the broker is."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import Empty
from typing import Any

from celery import signals
from celery.worker import consumer
from kombu.transport import redis, virtual

from clerk.db import transaction
from clerk.errors import DatabaseUnavailable
from clerk.ledger import rings

logger = logging.getLogger(__name__)

#: The longest pause between two tries to reach a broker, in seconds; Celery's grow to 30.
LONGEST_PAUSE = 5.0
#: What Python raises at data of another shape than it expects.
_MISSHAPEN = (ValueError, TypeError, LookupError, AttributeError)


class Consumer(consumer.Consumer):  # type: ignore[misc]
    """Celery's consumer, except that no message ends the worker, no outage slows it, and orders keep their order."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._ordered: deque[Callable[[], Any]] = deque()
        super().__init__(*arguments, **options)

    def call_soon(self, p: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Carry out what operators order by remote control in their order.

        The hub keeps a set of what is due: of a `cancel_consumer` and an `add_consumer` that arrive together, the
        second could come first, change nothing, and leave the queue without a consumer.
        """
        self._ordered.append(partial(p, *args, **kwargs))
        return super().call_soon(lambda: self._ordered.popleft()())

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, however long that takes."""
        conn.ensure_connection = partial(conn.ensure_connection, interval_max=LONGEST_PAUSE)
        return super().ensure_connected(conn)

    def connect(self) -> Any:
        """Connect; after a lost connection, let the relay look at once for messages that the broker lost too."""
        connection = super().connect()
        if self.restart_count:
            try:
                with transaction() as database:
                    rings.ring_soon(database, list(self.app.amqp.queues.consume_from))
            except DatabaseUnavailable as error:
                logger.warning("Lost messages will be published later than they could be: %s", error)
        return connection

    def create_task_handler(self, *arguments: Any, **options: Any) -> Callable[[Any], None]:
        """Return what takes a message; one that Celery cannot take is rejected, not raised to the worker."""
        handle = super().create_task_handler(*arguments, **options)

        def handle_or_reject(message: Any) -> None:
            try:
                handle(message)
            except _MISSHAPEN as error:
                _log_drop(message.body, error)
                if not message.acknowledged:
                    message.reject_log_error(logger, self.connection_errors)

        return handle_or_reject

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        """Drop the message of a task that this worker does not know; who hears the signal says so, in one line."""
        facts = message.headers if "task" in message.headers else message.payload
        name, job_id = facts["task"], facts["id"]
        message.reject_log_error(logger, self.connection_errors)
        signals.task_unknown.send(sender=self, message=message, exc=exc, name=name, id=job_id)


class QoS(virtual.QoS):
    """kombu's account of messages in hand; what cannot be put back is no emergency: the relay rings again for it."""

    def restore_unacked(self) -> list[Any]:
        """Put back what is in hand, if the broker is there; kombu writes what is returned to a file in /tmp."""
        super().restore_unacked()  # type: ignore[no-untyped-call]
        return []


class Channel(redis.Channel):
    """kombu's Redis channel, except for garbage, and for its account of messages in hand.

    Bytes which are no JSON are dropped: they are out of the queue already. The account is in memory; in Redis it is
    half of a message's cost, and gives back after an hour what the relay rings again for within a minute.
    """

    ack_emulation = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)  # type: ignore[no-untyped-call]
        self.QoS = QoS  # type: ignore[assignment]

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except ValueError as error:
            _log_drop(getattr(error, "doc", getattr(error, "object", b"")), error)
            raise Empty from None


class Transport(redis.Transport):
    """kombu's Redis transport, except that JSON which is no message is dropped."""

    Channel = Channel

    def _deliver(self, message: Any, queue: str) -> None:
        try:
            super()._deliver(message, queue)  # type: ignore[no-untyped-call]
        except _MISSHAPEN as error:
            _log_drop(message, error)


def _log_drop(what: Any, error: Exception) -> None:
    logger.error("dropped a message that is none of ours (%s: %s): %.100r", type(error).__name__, error, what)
