"""RabbitMQ: classic queues with priorities; a message whose properties cannot be read ends no connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import amqp
from amqp.method_framing import frame_handler
from kombu.transport import TRANSPORT_ALIASES, pyamqp

from clerk.jobs import Priority
from clerk_tasks.broker.base import Broker, log_drop

#: A frame is (kind, channel, content); of this kind it is the header of a message (AMQP 0-9-1 §4.2.6).
_HEADER = 2
#: A header's content up to the properties, in bytes, and what says that it has none.
_BEFORE_PROPERTIES, _NO_PROPERTIES = 12, b"\0\0"


def _lenient(connection: amqp.Connection, callback: Callable[..., Any]) -> Callable[[tuple[int, int, bytes]], bool]:
    """Return py-amqp's handler of frames, which finds no properties where these cannot be read.

    py-amqp raises what Python raises at text that is not UTF-8, at tables nested too deep and at impossible times.
    That would end the worker, and the broker would deliver the message to the next.
    """
    handle = frame_handler(connection, callback)

    def handle_leniently(frame: tuple[int, int, bytes]) -> bool:
        kind, channel, content = frame
        if kind == _HEADER:
            try:
                amqp.Message().inbound_header(content)
            except Exception as error:  # struct's and decimal's too
                log_drop(content[_BEFORE_PROPERTIES:100], error)
                frame = kind, channel, content[:_BEFORE_PROPERTIES] + _NO_PROPERTIES
        return bool(handle(frame))

    return handle_leniently


class AmqpConnection(pyamqp.Connection):
    """kombu's connection, except for messages whose properties cannot be read."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, frame_handler=_lenient, **options)


class AmqpTransport(pyamqp.Transport):
    """kombu's transport with our connection."""

    Connection = AmqpConnection


class SecureAmqpTransport(pyamqp.SSLTransport):
    """The same over TLS."""

    Connection = AmqpConnection


class RabbitMQ(Broker):
    """RabbitMQ; the highest number is the most urgent."""

    priorities: ClassVar = {Priority.HIGH: 9, Priority.NORMAL: 5, Priority.LOW: 1}
    transport_options: ClassVar = {
        "confirm_publish": False,
        "read_timeout": 10,
        "write_timeout": 10,
        "connect_timeout": 5,
    }
    driver_errors = pyamqp.Transport.connection_errors
    refusals = pyamqp.Transport.channel_errors
    mend_queue = "delete the queue if it was declared in another way: the next worker declares it"

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.transport = SecureAmqpTransport if self.tls else AmqpTransport

    @property
    def ssl(self) -> dict[str, Any] | bool:
        """The TLS options as py-amqp knows them: it checks the host's name only where `server_hostname` is given."""
        if self.tls is None:
            return False
        # kombu puts the address's host in the place of None.
        hostname = {"server_hostname": None} if self.tls.check_hostname else {}
        return {"cert_reqs": self.tls.verify, **hostname, **self.tls.files}

    def install(self) -> None:
        """Make Celery's own connections use our transports."""
        TRANSPORT_ALIASES.update({"amqp": f"{__name__}:AmqpTransport", "amqps": f"{__name__}:SecureAmqpTransport"})
