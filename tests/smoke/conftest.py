"""pytest-celery's fixtures, over containers where there is a Docker engine and over local processes elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import docker
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

from clerk.database.transactions import transaction
from clerk.sites.rows import insert_site
from devtools.processes import Programs
from devtools.services import RedisServer
from tests.smoke.containers import Containers, engine, reachable
from tests.smoke.nodes import Place
from tests.smoke.processes import Processes

# Imported, so that pytest finds them here: the plugin itself, with its engine's own fixtures, is off.
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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Choose where the nodes run, and have each test's name say it."""
    if "place" in metafunc.fixturenames:
        patience = pytest.mark.timeout(900)  # the first build downloads
        where = pytest.param("containers", marks=patience) if reachable() else "processes"
        metafunc.parametrize("place", [where], indirect=True)


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Place:
    """Return where the nodes run: the fixture `containers` or the fixture `processes`."""
    chosen: Place = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
def processes(private_redis: RedisServer, programs: Programs) -> Processes:
    """Run the nodes as local processes."""
    return Processes(private_redis, programs)


@pytest.fixture(scope="session")
def docker_engine(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[docker.DockerClient]:
    """Return this machine's Docker engine, which has the images."""
    base = tmp_path_factory.getbasetemp()  # pytest-xdist's processes each have a folder in a common one
    with engine((base if worker_id == "master" else base.parent) / "images.lock") as client:
        yield client


@pytest.fixture
def containers(docker_engine: docker.DockerClient, tmp_path: Path) -> Iterator[Containers]:
    """Run the nodes as containers."""
    with ExitStack() as stack:
        yield Containers(docker_engine, tmp_path, stack)


@pytest.fixture
def celery_broker(place: Place, monkeypatch: pytest.MonkeyPatch) -> RedisTestBroker:
    """Return the broker's node; BROKER_URL names it."""
    redis = place.redis()
    monkeypatch.setenv("BROKER_URL", redis.url)
    return RedisTestBroker(redis)


@pytest.fixture
def celery_backend_cluster() -> None:
    """There is no result backend."""


@pytest.fixture
def celery_worker(celery_broker: RedisTestBroker, sqlite_url: str, place: Place) -> CeleryTestWorker:
    """Return the worker's node: `clerk-tasks worker`, with a plugin whose job type appends a line to a file."""
    with transaction() as connection:
        insert_site(connection, {"subdomain": "smoke.example", "name": "Smoke", "state": "CA"})
    Path("plugins").mkdir()
    Path("plugins/marks.py").write_text(PLUGIN)
    return CeleryTestWorker(place.worker(), app=None)
