"""What a broker is to us: how to connect, declare and count a queue, order by priority, and what to check."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

import kombu
from kombu.exceptions import BatchPublishError, OperationalError

from clerk.jobs import Priority
from clerk_tasks.broker.tls import split_tls

logger = logging.getLogger(__name__)

#: RabbitMQ queues are classic ones with this many levels.
MAX_PRIORITY = 9

#: What Python raises at data of another shape than it expects.
MALFORMED = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


class Problem(NamedTuple):
    """What is wrong with a broker's configuration, and what to do about it."""

    setting: str
    problem: str
    remedy: str


class Broker:
    """One kind of broker, at one address; a subclass says what differs. Nothing is connected until `connect()`."""

    #: The message priority of each job priority. It is always set: a message without one is Redis' most urgent.
    priorities: ClassVar[Mapping[Priority, int]]
    #: Limits of every wait, in seconds: a stalled broker must not hold a command, or a worker's relay, for ever.
    transport_options: ClassVar[Mapping[str, Any]]
    #: Our own transport class; None: kombu's.
    transport: type | None = None
    #: Whether a child's next message stays in the broker until the child is free.
    disable_prefetch: ClassVar[bool] = False
    #: What this broker's driver raises besides kombu's own errors.
    driver_errors: ClassVar[tuple[type[BaseException], ...]] = ()
    #: What a person does about a queue that cannot be declared.
    mend_queue: ClassVar[str] = ""
    #: What it raises where the broker is there and refuses an order: a queue that was declared in another way, say.
    refusals: ClassVar[tuple[type[BaseException], ...]] = ()

    def __init__(self, url: str) -> None:
        self.url, self.tls = split_tls(url)
        self.errors: tuple[type[BaseException], ...] = (
            OSError,
            OperationalError,
            BatchPublishError,
            *self.driver_errors,
            *self.refusals,
        )

    @property
    def shown(self) -> str:
        """The address without its password."""
        return str(kombu.Connection(self.url, ssl=self.ssl).as_uri())

    @property
    def ssl(self) -> dict[str, Any] | bool:
        """The TLS options as kombu hands them to the driver; False without TLS."""
        return False

    def connect(self) -> kombu.Connection:
        """Connect once, without another try; raises one of `errors`."""
        options = dict(self.transport_options)
        connection = kombu.Connection(self.url, ssl=self.ssl, transport_options=options, connect_timeout=5)
        if self.transport is not None:
            connection.transport_cls = self.transport  # kombu takes it from the address where it is an argument
        connection.ensure_connection(max_retries=0)  # the relay tries again; a command does not wait for it
        return connection

    def declare(self, channel: Any, name: str) -> None:
        """Declare a queue."""
        queue(name)(channel).declare()

    def depth(self, channel: Any, name: str) -> int:
        """Return how many messages of a queue are ready to be delivered."""
        return int(queue(name)(channel).queue_declare().message_count)

    def unusable(self, connection: kombu.Connection, names: Iterable[str]) -> Iterator[Problem]:
        """Yield the queues that the broker does not let us declare and count, each with what mends it."""
        for name in names:
            channel = connection.channel()  # each its own: RabbitMQ closes one on which it refused something
            try:
                self.declare(channel, name)
            except self.refusals as error:
                yield Problem(name, f"the broker refuses this queue: {error}", self.mend_queue)
            else:
                channel.close()

    def install(self) -> None:
        """Make Celery's own connections use our transport, where we have one."""

    def problems(self, channel: Any) -> Iterator[Problem]:
        """Yield what is wrong with the broker's configuration, for `doctor`."""
        if self.tls and self.tls.problem:
            yield Problem("BROKER_URL", self.tls.problem, "leave out ssl_cert_reqs and ssl_check_hostname")


def queue(name: str) -> kombu.Queue:
    """Return the queue as every side declares it; RabbitMQ refuses one that is declared in two ways."""
    return kombu.Queue(name, queue_arguments={"x-max-priority": MAX_PRIORITY})


def log_drop(what: Any, error: Exception) -> None:
    """Log that a malformed message was taken out of a queue."""
    logger.error("dropped a malformed message (%s: %s): %.100r", type(error).__name__, error, what)
