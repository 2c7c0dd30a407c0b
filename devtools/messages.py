"""Raw messages in the broker's queue: copied, taken away, and written as no publisher of ours would write them."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import amqp
import kombu

from clerk.jobs import Priority
from clerk_tasks.broker.base import queue
from clerk_tasks.broker.redis import Redis
from clerk_tasks.broker.table import broker_url, load_broker

QUEUE = "default"


def table(fields: bytes) -> bytes:
    """Return a table of AMQP 0-9-1 with these fields, each a name and a value."""
    return struct.pack(">I", len(fields)) + fields


def _nested(depth: int) -> bytes:
    fields = b"\x01aV"
    for _ in range(depth):
        fields = b"\x01aF" + table(fields)
    return fields


#: A message's properties as AMQP 0-9-1 has them, flags first: no client reads these.
UNREADABLE = {
    "a content type that is not UTF-8": b"\x80\x00\x02\xff\xfe",
    "an encoding that is not UTF-8": b"\x40\x00\x02\xff\xfe",
    "an id that is not UTF-8": b"\x04\x00\x02\xff\xfe",
    "headers nested too deep": b"\x20\x00" + table(_nested(5000)),
    "a time out of range": b"\x20\x00" + table(b"\x01aT" + b"\xff" * 8),
    "a value of no kind": b"\x20\x00" + table(b"\x01a?"),
    "headers that end too soon": b"\x20\x00" + table(b"\x01aS\x00\x00"),
}


class _Raw(amqp.Message):  # type: ignore[misc]
    """A message whose properties are written as they are."""

    raw: bytes

    def _serialize_properties(self) -> bytes:
        return self.raw


@contextmanager
def connected() -> Iterator[kombu.Connection]:
    """Connect to the broker that BROKER_URL names, else to the embedded one."""
    broker = load_broker(broker_url())
    with kombu.Connection(broker.url, transport_options=dict(broker.transport_options)) as connection:
        yield connection


@contextmanager
def redis_client() -> Iterator[Any]:
    """Connect to Redis, Valkey or the embedded broker as its own client does."""
    with connected() as connection:
        channel: Any = connection.channel()
        with channel.conn_or_acquire() as client:
            yield client


def send(body: bytes | str, *, content_type: str, headers: Mapping[str, Any] | None = None) -> None:
    """Put a message at the head of the queue: any body, any headers, any content type."""
    encoding = "binary" if isinstance(body, bytes) else "utf-8"
    with connected() as connection:
        channel = connection.channel()
        queue(QUEUE)(channel).declare()
        kombu.Producer(channel).publish(
            body,
            routing_key=QUEUE,
            headers=headers,
            content_type=content_type,
            content_encoding=encoding,
            priority=load_broker(broker_url()).priorities[Priority.HIGH],
        )


def send_bytes(raw: bytes) -> None:
    """Put bytes at the head of the queue that are no message at all; AMQP has no such thing, there they are a body."""
    if isinstance(load_broker(broker_url()), Redis):
        with redis_client() as client:
            client.rpush(QUEUE, raw)
    else:
        send(raw, content_type="application/octet-stream")


def send_unreadable(properties: bytes) -> None:
    """Put a message with such properties into the queue; Redis has no such thing, there they are bytes."""
    if isinstance(load_broker(broker_url()), Redis):
        send_bytes(properties)
        return
    with connected() as connection:
        channel: Any = connection.channel()
        queue(QUEUE)(channel).declare()
        message = _Raw("x")
        message.raw = properties
        channel.basic_publish(message, "", QUEUE)


def broadcast(body: bytes | str, *, content_type: str = "application/json") -> None:
    """Send an order to all workers as remote control does: any body, any content type."""
    encoding = "binary" if isinstance(body, bytes) else "utf-8"
    exchange = kombu.Exchange("celery.pidbox", type="fanout", durable=False)
    with connected() as connection:
        channel = connection.channel()
        exchange(channel).declare()  # else kombu does not know on Redis that it is a fanout, and drops the order
        kombu.Producer(channel, exchange).publish(body, content_type=content_type, content_encoding=encoding)


def broadcast_bytes(raw: bytes) -> None:
    """Send bytes to all workers that are no order at all."""
    if isinstance(load_broker(broker_url()), Redis):
        with redis_client() as client:
            client.publish("/0.celery.pidbox", raw)
    else:
        broadcast(raw, content_type="application/octet-stream")


def copy_all(times: int) -> int:
    """Have every message in the queue `times` more, bit for bit, delivery tag and all; return how many there were."""
    if isinstance(load_broker(broker_url()), Redis):
        with redis_client() as client:
            lists = {name: client.lrange(name, 0, -1) for name in client.keys(f"{QUEUE}*")}  # one per priority
            for name, elements in lists.items():
                client.lpush(name, *elements * times)
            return sum(map(len, lists.values()))
    with connected() as connection:
        channel: Any = connection.channel()
        taken = list(iter(lambda: channel.basic_get(QUEUE, no_ack=True), None))
        for message in taken * (times + 1):
            channel.basic_publish(amqp.Message(message.body, **message.properties), "", QUEUE)
        return len(taken)


def take_and_die() -> None:
    """Be a consumer that takes a message and goes without a word: the broker delivers it again, and says so."""
    with connected() as connection:
        assert queue(QUEUE)(connection.channel()).get(no_ack=False) is not None


def depth() -> int:
    """Return how many messages are ready in the queue, at every priority."""
    with connected() as connection:
        return int(queue(QUEUE)(connection.channel()).queue_declare().message_count)
