"""The worker's consumer, without a worker."""

from __future__ import annotations

import threading
from itertools import pairwise
from types import SimpleNamespace

import celery.worker.consumer
import pytest
from kombu import compression
from kombu.asynchronous import Hub
from kombu.message import Message

from clerk_tasks.celery import app
from clerk_tasks.worker.celery_consumer import LONGEST_PAUSE, SHORTEST_PAUSE, Consumer
from clerk_tasks.worker.doorbell import Malformed


def consumer_on(hub: Hub) -> Consumer:
    controller = SimpleNamespace(use_eventloop=True, relay_wanted=threading.Event())
    return Consumer(print, app=app, hub=hub, controller=controller)


def test_orders_are_carried_out_in_their_order() -> None:
    """However many orders arrive within one turn of the loop: the hub of Celery's own call_soon keeps them in a set."""
    hub, done = Hub(), list[int]()
    consumer = consumer_on(hub)
    for number in range(100):
        consumer.call_soon(done.append, number)
    hub.run_once()
    hub.close()
    assert done == list(range(100))


def test_a_malformed_order_is_dropped_and_the_next_carried_out(caplog: pytest.LogCaptureFixture) -> None:
    """What `add_consumer` with a queue that is no text does later, in the loop: it ended the worker."""
    hub, done = Hub(), list[int]()
    consumer = consumer_on(hub)
    consumer.call_soon(consumer.add_task_queue, {"a": 1})
    consumer.call_soon(done.append, 1)
    hub.run_once()
    hub.close()
    assert done == [1]
    assert "dropped an order by remote control (Malformed: no plugin has this queue)" in caplog.text


@pytest.mark.parametrize("queue", ["strange", "default\x00", ["default"], 5, None])
def test_queues_that_no_plugin_has_are_not_consumed(queue: object) -> None:
    """Guard: add_task_queue: RabbitMQ may refuse to declare it, and would be asked again at each connection."""
    consumer = consumer_on(hub := Hub())
    with pytest.raises(Malformed, match="no plugin has this queue"):
        consumer.add_task_queue(queue, exchange="celery.pidbox", exchange_type="direct")
    hub.close()


def test_a_list_of_queues_is_not_forgotten_before_it_is_refused() -> None:
    """Guard: cancel_task_queue: the worker went on to take the messages, and dropped each as of a queue not its own."""
    consumer = consumer_on(hub := Hub())
    before = set(app.amqp.queues.consume_from)
    with pytest.raises(Malformed):
        consumer.cancel_task_queue(["default"])
    hub.close()
    assert "default" in before
    assert set(app.amqp.queues.consume_from) == before


@pytest.mark.parametrize("kind", ["zlib", "application/x-gzip", "bzip2", "lzma"])
def test_no_message_is_decompressed(kind: str) -> None:
    """Guard: _refuse_compressed: two kilobytes became two gigabytes in the worker's parent."""
    body, _ = compression.compress("[[], {}, {}]", kind)
    consumer_on(hub := Hub())
    hub.close()
    message = Message(body=body, headers={"task": "clerk.note", "id": "1", "compression": kind})
    with pytest.raises(Malformed, match="it is compressed"):
        message._reraise_error()  # what kombu's consumer does
    assert message.body == body


def test_a_broker_that_ends_every_connection_gets_pauses_that_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key of another type in the place of a queue, say: 30 connections a second."""
    hub, slept = Hub(), list[float]()
    monkeypatch.setattr(celery.worker.consumer.Consumer, "connect", lambda _: None)
    monkeypatch.setattr("clerk_tasks.worker.celery_consumer.time.sleep", slept.append)
    consumer = consumer_on(hub)
    for _ in range(10):
        consumer.connect()
    hub.close()
    assert consumer.controller.relay_wanted.is_set()
    assert slept[0] == SHORTEST_PAUSE
    assert [later / earlier for earlier, later in pairwise(slept[:7])] == [2] * 6
    assert slept[-1] == LONGEST_PAUSE
