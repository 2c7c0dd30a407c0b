"""A site, a plugin of one job type, and an executor that works on what a test has enqueued; no broker is running."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine

from clerk.application import application
from clerk.database.engine import create_engine
from clerk.database.held import HeldConnection
from clerk.database.transactions import transaction
from clerk.jobs import JobRequest
from clerk.plugin.loader import forget_plugins
from clerk.sites.rows import insert_site
from clerk_tasks import dispatcher
from devtools import claiming

PLUGIN = """
from clerk import Discard, JobType, Limit, current_job, hookimpl

def fine(subdomain, run_id, name: str = "x"):
    return {"name": name}

def broken(subdomain, run_id, why: str = "the source is gone"):
    raise Discard(why)

def mistaken(subdomain, run_id):
    return subdomain()

def parent(subdomain, *, children: list[str]):
    for job_type in children:
        current_job().spawn(job_type, subdomain)

class Operations:
    @hookimpl
    def register_job_types(self):
        fine_type = JobType(fine, unique="fine:{subdomain}:{name}")
        limited = JobType(fine, limit=Limit(concurrency=1))
        types = {"fine": fine_type, "broken": broken, "mistaken": mistaken, "parent": parent}
        return types | {"limited": limited}
"""

Enqueue = Callable[..., str]


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The database, with the site and the plugin there."""
    Path("plugins").mkdir()
    Path("plugins/operations.py").write_text(PLUGIN)
    forget_plugins()
    made = create_engine(database_url)
    with transaction(made) as connection:
        insert_site(connection, {"subdomain": "alameda.ca", "name": "Alameda", "state": "CA"})
    yield made
    made.dispose()


@pytest.fixture
def enqueue(engine: Engine) -> Enqueue:
    """Enqueue a job of alameda.ca and return its id."""

    def call(job_type: str, **arguments: object) -> str:
        return dispatcher.enqueue(JobRequest(job_type, "alameda.ca", arguments)).job_ids[0]

    return call


@pytest.fixture
def work(engine: Engine) -> Iterator[Callable[[str], None]]:
    """Execute a job in this process."""
    held = HeldConnection(engine)
    executor = claiming.executor(held, instance="a-worker-start", lease=30.0, pid=os.getpid())
    yield partial(claiming.execute, engine, executor)
    held.close()


@pytest.fixture
def redis_broker(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Publish to a Redis server."""
    monkeypatch.setenv("BROKER_URL", redis_url)
    monkeypatch.setenv("CLERK_LEASE", "1")
    application.close()


def make_read_only(engine: Engine) -> None:
    """Make a PostgreSQL database read-only, as after a failover, for connections that are opened from now on."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f'ALTER DATABASE "{engine.url.database}" SET default_transaction_read_only = on')
