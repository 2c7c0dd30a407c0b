"""pytest-celery's fixtures over local processes: the real worker, a real Redis, no container."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_celery import (
    CeleryTestWorker,
    RedisTestBroker,
    celery_backend_cluster_config,
    celery_broker_cluster,
    celery_broker_cluster_config,
    celery_setup,
    celery_setup_app,
    celery_setup_cls,
    celery_setup_config,
    celery_setup_name,
    celery_worker_cluster,
    celery_worker_cluster_config,
)

from clerk.db import transaction
from clerk.sites import insert_site
from tests.smoke.local import LocalRedis, LocalWorker
from tests.support.processes import Programs
from tests.support.services import RedisServer

# Imported, so that pytest finds them here: the plugin itself, with Docker's, is off.
STOCK = (
    celery_backend_cluster_config,
    celery_broker_cluster,
    celery_broker_cluster_config,
    celery_setup,
    celery_setup_app,
    celery_setup_cls,
    celery_setup_config,
    celery_setup_name,
    celery_worker_cluster,
    celery_worker_cluster_config,
)

PLUGIN = """
from pathlib import Path
from clerk import hookimpl


def mark(subdomain: str, run_id: str, path: str, word: str):
    with Path(path).open("a") as file:
        file.write(word + "\\n")


class Marks:
    @hookimpl
    def register_job_types(self):
        return {"mark": mark}
"""


@pytest.fixture
def celery_broker(private_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> RedisTestBroker:
    """Return the broker's node; BROKER_URL names it."""
    monkeypatch.setenv("BROKER_URL", private_redis.url)
    return RedisTestBroker(LocalRedis(private_redis))


@pytest.fixture
def celery_backend_cluster() -> None:
    """There is no result backend."""


@pytest.fixture
def celery_worker(celery_broker: RedisTestBroker, sqlite_url: str, programs: Programs) -> Iterator[CeleryTestWorker]:
    """Return the worker's node: `clerk-tasks worker`, with a plugin whose job type appends a line to a file."""
    with transaction() as connection:
        insert_site(connection, {"subdomain": "smoke.example", "name": "Smoke", "state": "CA"})
    Path("plugins").mkdir()
    Path("plugins/marks.py").write_text(PLUGIN)
    node = CeleryTestWorker(LocalWorker(programs.clerk("worker", "-c", "1")), app=None)
    yield node
    node.teardown()
