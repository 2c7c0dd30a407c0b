"""The worker's consumer, without a worker."""

from __future__ import annotations

import threading
from itertools import pairwise
from types import SimpleNamespace

import celery.worker.consumer
import pytest
from kombu.asynchronous import Hub

from clerk_tasks.celery import app
from clerk_tasks.worker.celery_consumer import LONGEST_PAUSE, SHORTEST_PAUSE, Consumer


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
    assert "dropped an order by remote control (TypeError: unhashable type: 'dict')" in caplog.text


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
