"""What makes a worker's connection to the broker ours: it outlives garbage, and it is back soon after the broker is."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from celery.worker import consumer
from kombu import compression

from clerk_tasks.broker.base import MALFORMED, log_drop
from clerk_tasks.restarts import RestartPause
from clerk_tasks.worker import doorbell

logger = logging.getLogger(__name__)

#: The longest pause between two tries to reach a broker, in seconds; Celery's grow to 30.
LONGEST_PAUSE = 5.0
#: The pause before the first new connection, in seconds.
SHORTEST_PAUSE = 0.05


def _refuse_compressed() -> None:
    """Decompress no message: kombu would do so whatever its size, and before anything of it can be checked."""
    for kind in compression.encoders():
        compression.register(compression.get_encoder(kind)[0], _refuse, kind)


def _refuse(_body: Any) -> Any:
    raise doorbell.Malformed("it is compressed")


class Consumer(consumer.Consumer):  # type: ignore[misc]
    """Celery's consumer, except that no message ends the worker, no outage slows it, and orders keep their order."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._ordered: deque[Callable[[], Any]] = deque()
        self._pause = RestartPause(SHORTEST_PAUSE, LONGEST_PAUSE)
        self._connected_at: float | None = None
        _refuse_compressed()
        super().__init__(*arguments, **options)

    def call_soon(self, p: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Carry out what operators order by remote control in their order.

        The hub keeps a set of what is due: of a `cancel_consumer` and an `add_consumer` that arrive together, the
        second could come first, change nothing, and leave the queue without a consumer.
        """
        self._ordered.append(partial(p, *args, **kwargs))
        return super().call_soon(lambda: self._carry_out())  # each its own: the hub keeps a set

    def _carry_out(self) -> None:
        """Carry out the oldest order; one that is malformed, such as a queue's name that is no text, is dropped."""
        try:
            self._ordered.popleft()()
        except MALFORMED as error:
            logger.error("dropped an order by remote control (%s: %s)", type(error).__name__, error)

    def add_task_queue(self, queue: Any, *_: Any, **_options: Any) -> None:
        """Take messages of a queue again; Malformed for one that no plugin has.

        What RabbitMQ refuses to declare would be declared again, and refused, at each new connection.
        """
        if not (isinstance(queue, str) and queue in self.app.amqp.queues):
            raise doorbell.Malformed("no plugin has this queue")
        super().add_task_queue(queue)

    def cancel_task_queue(self, queue: Any) -> None:
        """Take no more messages of a queue; Malformed for what is no name.

        Of a list of names Celery would forget the queues before it fails to cancel them.
        """
        if not isinstance(queue, str):
            raise doorbell.Malformed("a queue's name is text")
        super().cancel_task_queue(queue)

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, however long that takes."""
        conn.ensure_connection = partial(conn.ensure_connection, interval_max=LONGEST_PAUSE)
        return super().ensure_connected(conn)

    def connect(self) -> Any:
        """Connect; after a lost connection, let the relay look at once for messages that the broker lost too.

        A broker that accepts every connection and no order is given a pause that grows.
        """
        moment = time.monotonic()
        if self._connected_at is not None:
            time.sleep(self._pause.after(moment - self._connected_at))
        self._connected_at = time.monotonic()
        connection = super().connect()
        self.controller.relay_wanted.set()
        return connection

    def create_task_handler(self, *arguments: Any, **options: Any) -> Callable[[Any], None]:
        """Return what takes a message: one that does not have our shape is rejected before Celery handles it.

        Whatever is raised after that ends the worker: it would otherwise live on with a slot of its pool lost.
        """
        handle = super().create_task_handler(*arguments, **options)
        amqp, tasks = self.app.amqp, self.app.tasks

        def handle_or_reject(message: Any) -> None:
            try:
                doorbell.normalise(message, queues=amqp.queues.consume_from, tasks=tasks)
            except MALFORMED as error:
                log_drop(message.body, error)
                message.reject_log_error(logger, self.connection_errors)
                return
            handle(message)

        return handle_or_reject
