"""Our Redis transport: what becomes of a message in hand when its taker goes."""

from __future__ import annotations

from typing import Any

import kombu
import pytest

from clerk_tasks.broker.base import queue
from clerk_tasks.broker.redis import Transport
from devtools.services import RedisServer


@pytest.mark.parametrize("there", [True, False])
def test_a_message_in_hand_is_put_back_if_it_can_be(
    private_redis: RedisServer, there: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The connection of its taker is closed.

    With kombu's own QoS, a lost broker is an emergency, and the message is written to a file in /tmp.
    """
    with kombu.Connection(private_redis.url, transport=Transport) as connection:
        channel = connection.channel()
        line = queue("default")(channel)
        line.declare()
        kombu.Producer(channel).publish({}, routing_key="default")
        assert line.get(no_ack=False) is not None
        if not there:
            private_redis.kill()
    if there:
        with kombu.Connection(private_redis.url, transport=Transport) as connection:
            assert queue("default")(connection.channel()).get() is not None
    assert [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []


@pytest.mark.parametrize("name", ["_kombu.binding.orders", "_kombu.binding_permanent.orders"])
def test_a_key_of_another_type_in_the_place_of_a_binding_is_replaced(
    private_redis: RedisServer, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """It ended every connection at once, for as long as it was there."""
    with kombu.Connection(private_redis.url, transport=Transport) as connection:
        channel: Any = connection.channel()
        with channel.conn_or_acquire() as client:
            client.set(name, "x")
            kombu.Queue("line", kombu.Exchange("orders", type="fanout"))(channel).declare()
            assert client.type(name) == b"set"
    assert "dropped a malformed message" in caplog.text
