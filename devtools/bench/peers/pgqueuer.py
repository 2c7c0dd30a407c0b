"""PgQueuer on asyncpg, which takes ten jobs at a time."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pgqueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

from devtools.bench import jobs

url = os.environ["POSTGRES_URL"]
#: One event loop and one connection, kept until this process ends.
RUNNER = asyncio.Runner()
QUERIES: list[Any] = []
program = str(Path(sys.executable).with_name("pgq"))


@asynccontextmanager
async def worker() -> AsyncIterator[Any]:
    """Give the application that `pgq run` runs."""
    connection = await asyncpg.connect(url)
    app = pgqueuer.PgQueuer(AsyncpgDriver(connection))

    async def noop(job: Any) -> None:
        jobs.noop()

    async def mark(job: Any) -> None:
        jobs.mark(*json.loads(job.payload))

    async def nap(job: Any) -> None:
        await jobs.nap_async(*json.loads(job.payload))

    for job in (noop, mark, nap):
        app.entrypoint(job.__name__)(job)
    yield app
    await connection.close()


def prepare() -> None:
    """Create the tables."""
    subprocess.run([program, "--pg-dsn", url, "install"], check=True)


def enqueue(requests: Sequence[tuple[object, ...]]) -> None:
    """Insert each on its own, over one connection."""

    async def insert(queries: Any) -> None:
        for name, *arguments in requests:
            await queries.enqueue(name, json.dumps(arguments).encode() if arguments else None)

    RUNNER.run(_connected(insert))


def enqueue_many(count: int) -> None:
    """Insert all in one statement."""
    RUNNER.run(_connected(lambda queries: queries.enqueue(["noop"] * count, [None] * count, [0] * count)))


async def _connected(action: Callable[[Any], Awaitable[object]]) -> None:
    if not QUERIES:
        QUERIES.append(Queries(AsyncpgDriver(await asyncpg.connect(url))))
    await action(QUERIES[0])


def commands(processes: int) -> list[list[str]]:
    """Return so many workers."""
    return [[program, "--pg-dsn", url, "run", f"{__name__}:worker", "--batch-size", "10"]] * processes
