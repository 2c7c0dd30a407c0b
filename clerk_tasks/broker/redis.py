"""Redis and Valkey through kombu: malformed messages are dropped, and fewer commands are sent to the server."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Empty
from typing import Any, ClassVar

from kombu.transport import TRANSPORT_ALIASES, redis, virtual
from redis.exceptions import ResponseError

from clerk.jobs import Priority
from clerk_tasks.broker.base import MALFORMED, Broker, Problem, log_drop


class QoS(virtual.QoS):
    """kombu's account of messages in hand; what cannot be put back is dropped: the relay publishes again."""

    def restore_unacked(self) -> list[Any]:
        """Put back what is in hand, if the broker is there; kombu writes what is returned to a file in /tmp."""
        super().restore_unacked()  # type: ignore[no-untyped-call]
        return []


class Channel(redis.Channel):
    """kombu's Redis channel, except for garbage, and for what it does for each message.

    Bytes which are no JSON are dropped: they are out of the queue already. The account of messages in hand is in
    memory; in Redis it is half of a message's cost, and gives back after an hour what the relay publishes again within
    a minute. One client is made, not one a message, which takes nearly as long as to publish it.
    """

    ack_emulation = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._kept: Any = None
        super().__init__(*arguments, **options)  # type: ignore[no-untyped-call]
        self.QoS = QoS  # type: ignore[assignment]

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[no-untyped-call]
        if self._kept is None:
            self._kept = super()._create_client()  # type: ignore[no-untyped-call]
        return self._kept

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        """Note that a queue is bound; a key of another type in the place of kombu's sets is deleted.

        It would end every connection of every worker.
        """
        try:
            super()._queue_bind(exchange, routing_key, pattern, queue)  # type: ignore[no-untyped-call]
        except ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
            with self.conn_or_acquire() as client:
                for key in (self.keyprefix_queue % (exchange,), self.keyprefix_binding_permanent % (exchange,)):
                    if client.type(key) not in (b"set", b"none"):
                        log_drop(key, error)
                        client.delete(key)
            super()._queue_bind(exchange, routing_key, pattern, queue)  # type: ignore[no-untyped-call]

    def _receive_one(self, c: Any) -> Any:
        try:
            return super()._receive_one(c)  # type: ignore[no-untyped-call]
        except RecursionError as error:  # an order by remote control that is nested too deep
            log_drop(b"", error)
            raise Empty from None

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except (ValueError, RecursionError) as error:
            log_drop(getattr(error, "doc", getattr(error, "object", b"")), error)
            raise Empty from None


class Transport(redis.Transport):
    """kombu's Redis transport, except that JSON which is no message is dropped, and its queue is the one it was in."""

    Channel = Channel

    def _deliver(self, message: Any, queue: str) -> None:
        try:
            message["properties"]["delivery_info"] = {"exchange": "", "routing_key": queue}
            super()._deliver(message, queue)  # type: ignore[no-untyped-call]
        except MALFORMED as error:
            log_drop(message, error)


class Redis(Broker):
    """Redis, Valkey and the embedded broker; 0 is the most urgent."""

    priorities: ClassVar = {Priority.HIGH: 0, Priority.NORMAL: 3, Priority.LOW: 6}
    transport_options: ClassVar = {
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 15,
    }
    transport = Transport
    disable_prefetch = True
    driver_errors = redis.Transport.connection_errors
    refusals = redis.Transport.channel_errors
    mend_queue = "rename or delete the key that is no list, or give clerk a database of its own"

    @property
    def ssl(self) -> dict[str, Any] | bool:
        """The TLS options as redis-py knows them."""
        if self.tls is None:
            return False
        files = {f"ssl_{name}": path for name, path in self.tls.files.items()}
        return {"ssl_cert_reqs": self.tls.verify, "ssl_check_hostname": self.tls.check_hostname, **files}

    def install(self) -> None:
        """Make Celery's own connections use our transport."""
        TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:{Transport.__name__}"))

    def problems(self, channel: Any) -> Iterator[Problem]:
        """Yield a policy that lets the server drop messages when its memory is full, too."""
        yield from super().problems(channel)
        with channel.conn_or_acquire() as client:
            policy = client.info("memory").get("maxmemory_policy")
        if policy not in (None, "noeviction"):
            problem = f"the broker evicts ({policy}): messages vanish, and jobs wait for the relay"
            yield Problem("maxmemory-policy", problem, "set it to noeviction")
