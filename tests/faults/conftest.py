"""The system that a fault meets: on what operators get by default, on everything in turn, or on servers of its own.

A system is asked for after its database, and so has its ledger checked before that is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devtools.breakable import BreakableBroker, BreakableEmbedded, BreakableServer
from devtools.plugin_files import imports_undone
from devtools.processes import Programs
from devtools.services import PostgresServer, RabbitServer, RedisServer
from devtools.system import System
from tests.fixtures import migrate, serve
from tests.parameters import parameters

MakeSystem = Callable[[str], System]


@pytest.hookimpl(tryfirst=True)  # before -m is looked at
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what is not marked as fast, and all but the embedded broker and SQLite."""
    for item in items:
        if item.path.parent == Path(__file__).parent and not _is_fast(item):
            item.add_marker(pytest.mark.slow)


def _is_fast(item: pytest.Item) -> bool:
    others = {"redis", "rabbitmq", "postgresql"} & set(map(str, parameters(item).values()))
    return item.get_closest_marker("fast") is not None and not others


@pytest.fixture
def make_system(programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeSystem]:
    """Make a system on a database, and on the broker that BROKER_URL names; its ledger is checked at the end."""
    made: list[System] = []

    def make(database_url: str) -> System:
        made.append(System(programs, database_url, tmp_path, monkeypatch))
        return made[-1]

    with imports_undone(tmp_path):
        yield make
        for system in made:
            system.check()
            system.engine.dispose()


@pytest.fixture
def system(sqlite_url: str, make_system: MakeSystem) -> System:
    """Return the system as it is by default: SQLite, embedded broker."""
    return make_system(sqlite_url)


@pytest.fixture
def every_system(broker_url: str, database_url: str, make_system: MakeSystem) -> System:
    """Return the system on every broker and every database in turn."""
    return make_system(database_url)


@pytest.fixture
def every_broker_system(make_system: MakeSystem, broker_url: str, sqlite_url: str) -> System:
    """Return the system on every broker in turn, and SQLite."""
    return make_system(sqlite_url)


@pytest.fixture
def every_database(database_url: str, make_system: MakeSystem) -> System:
    """Return the system on the embedded broker and every database in turn."""
    return make_system(database_url)


@pytest.fixture(scope="session")
def _breakable_rabbitmq(_servers: Path) -> Iterator[BreakableServer]:
    for server in serve(RabbitServer, "rabbitmq", _servers / "breakable"):
        yield BreakableServer(server)


@pytest.fixture
def breakable_rabbitmq(_breakable_rabbitmq: BreakableServer) -> BreakableServer:
    """Return a RabbitMQ that a test may break; since it boots for seconds, the next test has it after that."""
    _breakable_rabbitmq.renew()
    return _breakable_rabbitmq


@pytest.fixture
def breakable_redis(private_redis: RedisServer) -> BreakableServer:
    """Return a Redis that a test may break."""
    return BreakableServer(private_redis)


@pytest.fixture(params=["embedded", "redis", "rabbitmq"])
def own_broker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> BreakableBroker:
    """Return a broker of each kind in turn that a test may kill, pause and empty; the system uses it."""
    if request.param == "embedded":
        return BreakableEmbedded()
    broker: BreakableServer = request.getfixturevalue(f"breakable_{request.param}")
    monkeypatch.setenv("BROKER_URL", broker.server.url)
    return broker


@pytest.fixture
def own_broker_system(own_broker: BreakableBroker, sqlite_url: str, make_system: MakeSystem) -> System:
    """Return the system on SQLite and `own_broker`."""
    return make_system(sqlite_url)


@pytest.fixture
def own_postgres_system(
    private_postgres: PostgresServer, make_system: MakeSystem, monkeypatch: pytest.MonkeyPatch
) -> System:
    """Return the system on the embedded broker and a PostgreSQL that the test may break."""
    monkeypatch.setenv("DATABASE_URL", private_postgres.url)
    migrate(private_postgres.url)
    return make_system(private_postgres.url)
