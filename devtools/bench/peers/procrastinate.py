"""Procrastinate, ten jobs at a time in each process."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

import procrastinate

from devtools.bench import jobs

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=os.environ["POSTGRES_URL"]))


async def noop() -> None:
    """Do nothing."""
    jobs.noop()


async def mark(path: str) -> None:
    """See `jobs.mark`."""
    jobs.mark(path)


async def nap(path: str, number: int, seconds: float) -> None:
    """See `jobs.nap`."""
    await jobs.nap_async(path, number, seconds)


PARAMETERS: dict[str, list[str]] = {"noop": [], "mark": ["path"], "nap": ["path", "number", "seconds"]}
TASKS: dict[str, Any] = {job.__name__: app.task(name=job.__name__, queue="bench")(job) for job in (noop, mark, nap)}


@cache
def opened() -> Any:
    """Return the application, connected until this process ends."""
    return app.open()


def prepare() -> None:
    """Create the tables."""
    opened().schema_manager.apply_schema()


def enqueue(requests: Sequence[tuple[object, ...]]) -> None:
    """Defer each on its own."""
    opened()
    for name, *arguments in requests:
        TASKS[str(name)].defer(**dict(zip(PARAMETERS[str(name)], arguments, strict=True)))


def enqueue_many(count: int) -> None:
    """Defer all in one statement."""
    opened()
    TASKS["noop"].batch_defer(*[{}] * count)


def commands(processes: int) -> list[list[str]]:
    """Return so many workers."""
    worker = [sys.executable, "-m", "procrastinate", "--app", f"{__name__}.app", "worker"]
    return [[*worker, "--concurrency", "10", "--queues", "bench"]] * processes
