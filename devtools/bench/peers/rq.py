"""RQ: a process for each job, or one for all of them, as BENCH_VARIANT says."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from redis import Redis
from rq import Queue

from devtools.bench import jobs

url = os.environ["REDIS_URL"]
queue = Queue("bench", connection=Redis.from_url(url))


def prepare() -> None:
    """Do nothing: Redis needs no preparation."""


def enqueue(requests: Sequence[tuple[object, ...]]) -> None:
    """Enqueue each on its own."""
    for name, *arguments in requests:
        queue.enqueue(getattr(jobs, str(name)), *arguments)


def enqueue_many(count: int) -> None:
    """Enqueue all in one pipeline."""
    queue.enqueue_many([Queue.prepare_data(jobs.noop) for _ in range(count)])


def commands(processes: int) -> list[list[str]]:
    """Return a pool of workers."""
    kind = "rq.SimpleWorker" if os.environ.get("BENCH_VARIANT") == "simple" else "rq.Worker"
    rq = str(Path(sys.executable).with_name("rq"))
    return [[rq, "worker-pool", "bench", "-u", url, "-n", str(processes), "--worker-class", kind]]
