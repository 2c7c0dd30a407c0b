"""RabbitMQ's frames, without a RabbitMQ: properties that cannot be read cost no connection."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any

import amqp
import pytest
from amqp import spec

from clerk_tasks.broker.rabbitmq import AmqpConnection, AmqpTransport, RabbitMQ, SecureAmqpTransport, _lenient
from devtools.messages import UNREADABLE, table

BODY = b"[[], {}, {}]"
READABLE = struct.pack(">H", 0x2000) + table(b"\x02idS" + struct.pack(">I", 1) + b"x")


def delivered(properties: bytes) -> list[amqp.Message]:
    """Return the messages that arrive in three frames, then one that can be read."""
    found: list[amqp.Message] = []

    def take(_channel: int, _method: Any, _arguments: bytes, message: amqp.Message) -> None:
        found.append(message)

    handle = _lenient(SimpleNamespace(bytes_recv=0), take)
    for content in (properties, READABLE):
        handle((1, 1, struct.pack(">HH", *spec.Basic.Deliver)))
        handle((2, 1, struct.pack(">HHQ", 60, 0, len(BODY)) + content))
        handle((3, 1, BODY))
    return found


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_message_whose_properties_cannot_be_read_has_none(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Guard: _lenient. The worker ended, and the broker gave the message to the next."""
    first, second = delivered(UNREADABLE[name])
    assert (first.properties, first.body) == ({}, BODY)
    assert second.properties == {"application_headers": {"id": "x"}}
    assert len([record for record in caplog.records if "malformed message" in record.message]) == 1


@pytest.mark.parametrize(("scheme", "transport"), [("amqp", AmqpTransport), ("amqps", SecureAmqpTransport)])
def test_every_connection_is_ours(scheme: str, transport: type) -> None:
    broker = RabbitMQ(f"{scheme}://localhost")
    assert broker.transport is transport
    assert transport.Connection is AmqpConnection  # type: ignore[attr-defined]
