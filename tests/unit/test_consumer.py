"""The worker's consumer, without a worker."""

from __future__ import annotations

from types import SimpleNamespace

from kombu.asynchronous import Hub

from clerk_tasks.celery import app
from clerk_tasks.worker.celery_consumer import Consumer


def test_orders_are_carried_out_in_their_order() -> None:
    """However many orders arrive within one turn of the loop: the hub of Celery's own call_soon keeps them in a set."""
    hub, done = Hub(), list[int]()
    consumer = Consumer(print, app=app, hub=hub, controller=SimpleNamespace(use_eventloop=True))
    for number in range(100):
        consumer.call_soon(done.append, number)
    hub.run_once()
    hub.close()
    assert done == list(range(100))
