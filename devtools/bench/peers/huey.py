"""Huey on Redis or SQLite, as BENCH_VARIANT says."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from huey import RedisHuey, SqliteHuey

from devtools.bench import jobs

if os.environ.get("BENCH_VARIANT") == "sqlite":
    app = SqliteHuey("bench", filename="huey.db")
else:
    app = RedisHuey("bench", url=os.environ["REDIS_URL"])
TASKS = {name: app.task()(getattr(jobs, name)) for name in ("noop", "mark", "nap")}


def prepare() -> None:
    """Do nothing: the store is created on first use."""


def enqueue(requests: Sequence[tuple[object, ...]]) -> None:
    """Call each task."""
    for name, *arguments in requests:
        TASKS[str(name)](*arguments)


def enqueue_many(count: int) -> None:
    """Call the task again and again: Huey has no other way."""
    enqueue([("noop",)] * count)


def commands(processes: int) -> list[list[str]]:
    """Return one consumer with so many worker processes."""
    consumer = str(Path(sys.executable).with_name("huey_consumer"))
    return [[consumer, f"{__name__}.app", "-k", "process", "-w", str(processes)]]
