"""Doorbells on real brokers: the urgent ones first, in a form that Celery reads, and every trouble is one error."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from clerk.errors import BrokerUnavailable
from clerk.jobs import Priority
from clerk_tasks.broker.base import queue
from clerk_tasks.broker.publisher import Publisher
from clerk_tasks.broker.redis import Transport
from clerk_tasks.broker.table import load_broker
from clerk_tasks.ledger.insert import Message
from devtools.processes import wait_for
from devtools.services import RedisServer


def take(publisher: Publisher, count: int) -> list[Any]:
    """Consume messages in the order in which the broker gives them, once it has that many: RabbitMQ takes its time."""
    wait_for(lambda: publisher.depth("q") >= count, f"{count} messages are there")
    bound = queue("q")(publisher._connect().channel)
    return [bound.get(no_ack=True) for _ in range(count)]


def test_the_urgent_come_first_on_every_broker(broker_url: str) -> None:
    """Guard: the brokers' `priorities`, which run in opposite directions; within one, first come first."""
    publisher = Publisher(broker_url)
    order = [Priority.LOW, Priority.NORMAL, Priority.HIGH, Priority.LOW, Priority.HIGH, Priority.NORMAL]
    publisher.publish([Message("job", f"t{place}", "q", priority) for place, priority in enumerate(order)])
    tasks = [message.headers["task"].removeprefix("clerk.t") for message in take(publisher, 6)]
    assert tasks == ["2", "4", "1", "5", "0", "3"]
    assert publisher.depth("q") == 0
    publisher.close()


@pytest.mark.parametrize("number", [1, 3], ids=["alone", "batch"])
def test_a_message_is_what_celery_sends(broker_url: str, number: int) -> None:
    """Guard: _headers, body, content type: a worker, `celery inspect` and Flower read it."""
    publisher = Publisher(broker_url)
    publisher.publish([Message(f"job-{place}", "fetch-site", "q", Priority.NORMAL) for place in range(number)])
    message = take(publisher, 1)[0]
    publisher.close()
    assert message.payload == [[], {}, {}], "it says no more than that there is work"
    assert message.headers["task"] == "clerk.fetch-site"
    assert message.headers["id"] == message.headers["root_id"] == message.properties["correlation_id"]
    assert message.content_type == "application/json"


@pytest.mark.parametrize("number", [1, 3], ids=["alone", "batch"])
def test_a_broker_that_goes_away_is_unavailable_and_comes_back(private_redis: RedisServer, number: int) -> None:
    """Guards: _errors, BatchPublishError among them; the second try over a fresh connection."""
    messages = [Message(f"job-{place}", "t", "q", Priority.NORMAL) for place in range(number)]
    publisher = Publisher(private_redis.url)
    publisher.publish(messages)
    private_redis.kill()
    with pytest.raises(BrokerUnavailable, match="cannot be reached"):
        publisher.publish(messages)
    private_redis.start()
    publisher.publish(messages)
    private_redis.kill()
    private_redis.start()
    publisher.publish(messages)
    assert publisher.depth("q") >= 2 * number
    publisher.close()


@pytest.mark.parametrize("number", [1, 3], ids=["alone", "batch"])
def test_a_broker_that_is_full_is_unavailable(private_redis: RedisServer, number: int) -> None:
    """Guard: Redis's channel errors in _errors: out of memory is a reason to wait, not a bug."""
    publisher = Publisher(private_redis.url)
    with contextlib.closing(private_redis.client()) as client:
        client.config_set("maxmemory", "1")
        with pytest.raises(BrokerUnavailable, match=r"maxmemory"):
            publisher.publish([Message(f"job-{place}", "t", "q", Priority.NORMAL) for place in range(number)])
    publisher.close()


def test_redis_is_spoken_to_through_our_transport(redis_url: str) -> None:
    """Kombu's own makes a client for each message, which takes nearly as long as to publish it."""
    connection = load_broker(redis_url).connect()
    assert type(connection.transport) is Transport
    connection.release()
