"""The worker's consumer and its transport, without a worker."""

from __future__ import annotations

from types import SimpleNamespace

import kombu
import pytest
from kombu.asynchronous import Hub

from clerk_tasks.broker.base import queue
from clerk_tasks.broker.redis import Transport
from clerk_tasks.celery import app
from clerk_tasks.worker.celery_consumer import Consumer
from tests.support.services import RedisServer


def test_orders_are_carried_out_in_their_order() -> None:
    """However many orders arrive within one turn of the loop.

    Seen to fail: with Celery's own call_soon, whose hub keeps them in a set.
    """
    hub, done = Hub(), list[int]()
    consumer = Consumer(print, app=app, hub=hub, controller=SimpleNamespace(use_eventloop=True))
    for number in range(100):
        consumer.call_soon(done.append, number)
    hub.run_once()
    hub.close()
    assert done == list(range(100))


@pytest.mark.parametrize("there", [True, False])
def test_a_message_in_hand_is_put_back_if_it_can_be(
    private_redis: RedisServer, there: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """When its taker's connection is closed.

    Seen to fail: with kombu's own QoS, a lost broker is an emergency, and the message is written to a file in /tmp.
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
