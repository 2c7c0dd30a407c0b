"""What makes a worker's connection to the broker ours: it outlives garbage, and it is back soon after the broker is."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from celery import signals
from celery.worker import consumer

from clerk.database.transactions import transaction
from clerk.errors import DatabaseUnavailable
from clerk_tasks.broker.base import MALFORMED, log_drop
from clerk_tasks.ledger import publications

logger = logging.getLogger(__name__)

#: The longest pause between two tries to reach a broker, in seconds; Celery's grow to 30.
LONGEST_PAUSE = 5.0


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
                    publications.republish_soon(database, list(self.app.amqp.queues.consume_from))
            except DatabaseUnavailable as error:
                logger.warning("Lost messages will be published later than they could be: %s", error)
        return connection

    def create_task_handler(self, *arguments: Any, **options: Any) -> Callable[[Any], None]:
        """Return what takes a message; one that Celery cannot take is rejected, not raised to the worker."""
        handle = super().create_task_handler(*arguments, **options)

        def handle_or_reject(message: Any) -> None:
            try:
                handle(message)
            except MALFORMED as error:
                log_drop(message.body, error)
                if not message.acknowledged:
                    message.reject_log_error(logger, self.connection_errors)

        return handle_or_reject

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        """Drop the message of a task that this worker does not know; who hears the signal says so, in one line."""
        facts = message.headers if "task" in message.headers else message.payload
        name, job_id = facts["task"], facts["id"]
        message.reject_log_error(logger, self.connection_errors)
        signals.task_unknown.send(sender=self, message=message, exc=exc, name=name, id=job_id)
