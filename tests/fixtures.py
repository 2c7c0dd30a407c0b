"""The fixtures for databases and brokers: real ones, fresh for every test."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
import redis
import sqlalchemy as sa

from devtools.binaries import Found, Missing, find, find_program, required
from devtools.folders import server_folder
from devtools.processes import Programs
from devtools.services import PostgresServer, RabbitServer, RedisServer, Server

S = TypeVar("S", bound=Server)


def found(service: str, look: Callable[[str], Found | Missing] = find) -> Found:
    """Return where the service is; skip the test without one, or fail it if REQUIRE_SERVICES names it."""
    answer = look(service)
    if isinstance(answer, Found):
        return answer
    if service in required():
        pytest.fail(f"REQUIRE_SERVICES names {service}, but {answer}")
    pytest.skip(str(answer))


def serve(kind: Callable[[Path, Path], S], service: str, folder: Path) -> Iterator[S]:
    """Run a server of our own for the length of a fixture."""
    program = found(service, find_program).program
    assert program is not None
    server = kind(program, folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def _servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with server_folder(tmp_path_factory.mktemp("servers")) as folder:
        yield folder


@pytest.fixture
def server_home(_servers: Path) -> Iterator[Path]:
    """Return a folder for one test's own servers."""
    folder = _servers / uuid.uuid4().hex[:8]
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    """Start real programs; they are all stopped at the end of the test."""
    started = Programs(tmp_path)
    yield started
    started.stop()


# --- servers that a test may break: its own -------------------------------------------------------


@pytest.fixture
def private_redis(server_home: Path) -> Iterator[RedisServer]:
    """Return a Redis of this test alone, to kill, pause and fill."""
    yield from serve(RedisServer, "redis", server_home / "redis")


@pytest.fixture
def private_postgres(server_home: Path) -> Iterator[PostgresServer]:
    """Return a PostgreSQL of this test alone, to kill, pause and fill."""
    yield from serve(PostgresServer, "postgres", server_home / "postgres")


@pytest.fixture
def private_rabbitmq(server_home: Path) -> Iterator[RabbitServer]:
    """Return a RabbitMQ of this test alone, to kill, pause and fill."""
    yield from serve(RabbitServer, "rabbitmq", server_home / "rabbitmq")


# --- brokers ------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _redis_address(_servers: Path, worker_id: str) -> Iterator[str]:
    configured = found("redis").url
    if configured is None:
        for server in serve(RedisServer, "redis", _servers / "redis"):
            yield server.url
    else:  # one server for all of pytest-xdist's workers: each has a database of its own
        yield str(sa.make_url(configured).set(database=worker_id.removeprefix("gw").replace("master", "0")))


@pytest.fixture
def redis_url(_redis_address: str) -> str:
    """Return the address of an empty Redis database."""
    with redis.Redis.from_url(_redis_address) as client:
        client.flushdb()
    return _redis_address


@pytest.fixture(scope="session")
def _rabbitmq(_servers: Path) -> Iterator[Callable[[], str]]:
    configured = found("rabbitmq").url
    if configured is None:
        for server in serve(RabbitServer, "rabbitmq", _servers / "rabbitmq"):
            yield server.fresh_url
    else:
        yield lambda: configured


@pytest.fixture
def rabbitmq_url(_rabbitmq: Callable[[], str]) -> str:
    """Return the address of a fresh virtual host (TEST_RABBITMQ_URL: of that one, as it is)."""
    return _rabbitmq()


@pytest.fixture
def embedded_url() -> Iterator[str]:
    """Return the address of this test's embedded broker, running."""
    from clerk_tasks.broker import embedded

    with embedded.attached():
        yield embedded.broker_url()


@pytest.fixture(params=["embedded", "redis", "rabbitmq"])
def broker_url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the address of an empty broker of each kind in turn; BROKER_URL names it."""
    url = str(request.getfixturevalue(f"{request.param}_url"))
    monkeypatch.setenv("BROKER_URL", url)
    return url


# --- databases ----------------------------------------------------------------------------------


def migrate(url: str) -> None:
    """Bring a database to the newest revision."""
    from clerk.database.migrate import upgrade

    upgrade(url)


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    template = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate(f"sqlite:///{template}")
    assert not template.with_name("template.db-wal").exists(), "somebody still has the template open"
    return template


@pytest.fixture
def sqlite_url(_sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the address of a migrated, empty SQLite database; DATABASE_URL names it."""
    shutil.copyfile(_sqlite_template, tmp_path / "civic.db")
    monkeypatch.setenv("DATABASE_URL", url := f"sqlite:///{tmp_path / 'civic.db'}")
    return url


class Databases:
    """Makes and drops databases of one PostgreSQL server."""

    def __init__(self, address: str) -> None:
        self._address = sa.make_url(address).set(drivername="postgresql+psycopg")
        self._engine = sa.create_engine(self._address, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with self._engine.connect() as connection:
            self._version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one()) // 10000

    def create(self, template: str = "template1") -> str:
        """Create a database as a copy of another and return its name."""
        name = f"clerk_{uuid.uuid4().hex[:12]}"
        # Since PostgreSQL 15 the default is to log every page, for servers that are busier than ours.
        strategy = "STRATEGY file_copy" if self._version >= 15 else ""
        self._run(f"CREATE DATABASE {name} TEMPLATE {template} {strategy}")
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""
        self._run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def url(self, name: str) -> str:
        """Return the address of a database."""
        return self._address.set(database=name).render_as_string(hide_password=False)

    def _run(self, statement: str) -> None:
        with self._engine.connect() as connection:
            connection.exec_driver_sql(statement)


@pytest.fixture(scope="session")
def _postgres(_servers: Path) -> Iterator[Databases]:
    configured = found("postgres").url
    if configured is None:
        for server in serve(PostgresServer, "postgres", _servers / "postgres"):
            yield Databases(server.url)
    else:
        yield Databases(configured)


@pytest.fixture(scope="session")
def _postgres_template(_postgres: Databases) -> Iterator[str]:
    name = _postgres.create()
    migrate(_postgres.url(name))
    yield name
    _postgres.drop(name)


@pytest.fixture
def postgres_url(_postgres: Databases, _postgres_template: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the address of a migrated, empty PostgreSQL database; DATABASE_URL names it."""
    name = _postgres.create(_postgres_template)
    monkeypatch.setenv("DATABASE_URL", _postgres.url(name))
    yield _postgres.url(name)
    _postgres.drop(name)


@pytest.fixture
def empty_postgres_url(_postgres: Databases, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the address of a PostgreSQL database without a single table; DATABASE_URL names it."""
    name = _postgres.create()
    monkeypatch.setenv("DATABASE_URL", _postgres.url(name))
    yield _postgres.url(name)
    _postgres.drop(name)


@pytest.fixture
def empty_sqlite_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the address of a SQLite database that does not exist yet; DATABASE_URL names it."""
    monkeypatch.setenv("DATABASE_URL", url := f"sqlite:///{tmp_path / 'civic.db'}")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Return the address of a migrated, empty database of each kind in turn; DATABASE_URL names it."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest) -> str:
    """Return the address of a database without a single table, of each kind in turn; DATABASE_URL names it."""
    return str(request.getfixturevalue("empty_sqlite_url" if request.param == "sqlite" else "empty_postgres_url"))
