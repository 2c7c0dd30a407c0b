"""Oban for Python, with a limit of ten jobs in each process."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from oban import Oban, job
from oban.schema import install

from devtools.bench import jobs

#: One event loop and one pool, kept until this process ends.
RUNNER = asyncio.Runner()
POOLS: list[Any] = []
url = os.environ["POSTGRES_URL"]


def noop() -> None:
    """Do nothing."""
    jobs.noop()


def mark(path: str) -> None:
    """See `jobs.mark`."""
    jobs.mark(path)


async def nap(path: str, number: int, seconds: float) -> None:
    """See `jobs.nap`."""
    await jobs.nap_async(path, number, seconds)


JOBS: dict[str, Any] = {function.__name__: job(queue="bench")(function) for function in (noop, mark, nap)}


def prepare() -> None:
    """Create the tables."""
    RUNNER.run(_connected(lambda oban, pool: install(pool)))


def enqueue(requests: Sequence[tuple[object, ...]]) -> None:
    """Enqueue each on its own."""

    async def insert(oban: Any, pool: Any) -> None:
        for name, *arguments in requests:
            await oban.enqueue(JOBS[str(name)].new(*arguments))

    RUNNER.run(_connected(insert))


def enqueue_many(count: int) -> None:
    """Enqueue all in one statement."""
    RUNNER.run(_connected(lambda oban, pool: oban.enqueue_many([JOBS["noop"].new() for _ in range(count)])))


async def _connected(action: Callable[[Any, Any], Awaitable[object]]) -> None:
    if not POOLS:
        POOLS.append(await Oban.create_pool(url, min_size=1, max_size=1))
        Oban(pool=POOLS[0])
    await action(Oban.get_instance(), POOLS[0])


def commands(processes: int) -> list[list[str]]:
    """Return so many workers."""
    oban = str(Path(sys.executable).with_name("oban"))
    return [[oban, "start", "--dsn", url, "--queues", "bench:10", "--cron-modules", __name__]] * processes
