"""This project; it runs in the environment of the bench itself."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from clerk.database.migrate import upgrade
from clerk.database.transactions import transaction
from clerk.jobs import JobRequest
from clerk.sites.rows import insert_site
from clerk_tasks import dispatcher
from devtools.bench import plugin

SITE = "bench.ca"
PARAMETERS: dict[str, list[str]] = {"noop": [], "mark": ["path"], "nap": ["path", "number", "seconds"]}


def prepare() -> None:
    """Create the tables, a site, and the plugin with the jobs."""
    assert plugin.__file__ is not None
    Path("plugins").mkdir()
    shutil.copy(plugin.__file__, "plugins/bench.py")
    upgrade()
    with transaction() as connection:
        insert_site(connection, {"subdomain": SITE, "name": "Bench", "state": "CA"})


def enqueue(requests: Sequence[tuple[object, ...]]) -> None:
    """Enqueue each on its own."""
    for name, *arguments in requests:
        names = PARAMETERS[str(name)]
        dispatcher.enqueue(JobRequest(str(name), SITE, dict(zip(names, arguments, strict=True))))


def enqueue_many(count: int) -> None:
    """Enqueue all in one transaction; with a variant, one in ten is of the job type of that name."""
    other = os.environ.get("BENCH_VARIANT") or "noop"
    names = [other if number % 10 == 0 else "noop" for number in range(count)]
    dispatcher.enqueue_many([JobRequest(name, SITE) for name in names])


def commands(processes: int) -> list[list[str]]:
    """Return one worker with so many children."""
    return [[sys.executable, "-m", "clerk_tasks", "worker", "default", "-c", str(processes)]]
