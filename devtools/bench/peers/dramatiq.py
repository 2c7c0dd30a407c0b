"""Dramatiq on Redis, with its eight threads a process."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from devtools.bench import jobs

broker = RedisBroker(url=os.environ["REDIS_URL"])
dramatiq.set_broker(broker)
ACTORS = {name: dramatiq.actor(getattr(jobs, name)) for name in ("noop", "mark", "nap")}


def prepare() -> None:
    """Do nothing: Redis needs no preparation."""


def enqueue(requests: Sequence[tuple[object, ...]]) -> None:
    """Send each on its own."""
    for name, *arguments in requests:
        ACTORS[str(name)].send(*arguments)


def enqueue_many(count: int) -> None:
    """Send each on its own: Dramatiq has no other way."""
    enqueue([("noop",)] * count)


def commands(processes: int) -> list[list[str]]:
    """Return one worker with so many processes."""
    return [[sys.executable, "-m", "dramatiq", __name__, "-p", str(processes), "-t", "8"]]
