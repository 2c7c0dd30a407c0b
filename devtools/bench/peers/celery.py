"""Celery: bare, or with late acknowledgement and a result backend, as BENCH_VARIANT says."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from celery import Celery

from devtools.bench import jobs

BACKENDS = {"redis": "REDIS_URL", "postgresql": "POSTGRES_URL"}
variant = os.environ.get("BENCH_VARIANT", "")
backend = os.environ[BACKENDS[variant]] if variant in BACKENDS else None
if variant == "postgresql":
    backend = str(backend).replace("postgresql://", "db+postgresql+psycopg://")

app = Celery("bench", broker=os.environ["BROKER_URL"], backend=backend)
app.conf.update(
    task_ignore_result=backend is None,
    task_acks_late=backend is not None,
    task_reject_on_worker_lost=backend is not None,
    task_default_queue="bench",
    broker_connection_retry_on_startup=True,
)
TASKS = {name: app.task(name=name)(getattr(jobs, name)) for name in ("noop", "mark", "nap")}


def prepare() -> None:
    """Do nothing: the worker creates what it needs."""


def enqueue(requests: Sequence[tuple[object, ...]]) -> None:
    """Call `delay` for each."""
    for name, *arguments in requests:
        TASKS[str(name)].delay(*arguments)


def enqueue_many(count: int) -> None:
    """Publish on one channel, without waiting for a connection from the pool each time."""
    with app.producer_pool.acquire(block=True) as producer, producer.batch():
        for _ in range(count):
            TASKS["noop"].apply_async(producer=producer)


def commands(processes: int) -> list[list[str]]:
    """Return one worker with so many children, which logs the end of each job."""
    options = ["-c", str(processes), "-l", "INFO", "--without-mingle", "--without-gossip"]
    return [[sys.executable, "-m", "celery", "-A", __name__, "worker", *options]]
