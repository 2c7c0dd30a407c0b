"""`probe` answers a container's probes: what a restart helps, what it does not, and within half a second."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from clerk.application import application
from clerk.database.clock import now
from clerk.database.tables import clerk_meta_table as meta
from clerk.database.tables import workers_table as workers
from clerk.database.transactions import transaction
from clerk_tasks.cli.main import main
from clerk_tasks.ledger import leases
from clerk_tasks.schedules import slots
from devtools.services import PostgresServer, RedisServer
from tests.integration.operations.conftest import make_read_only

HOST = socket.gethostname()
#: A process that is older than any heartbeat here.
OLD = 1
#: Enough for a server of this machine, however busy it is.
PATIENT = ("--timeout", "20")


def probe(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Return the exit code and the line that is printed."""
    application.close()
    capsys.readouterr()
    code = main(["probe", *arguments])
    (line,) = capsys.readouterr().out.splitlines()
    return code, line


def register(instance: str, *, seconds_ago: float, pid: int = OLD, hostname: str = HOST) -> None:
    """Record a worker whose last heartbeat is some seconds old."""
    facts = {"version": "0", "queues": ["default"], "job_types": [], "concurrency": 1}
    with transaction() as connection:
        leases.register_worker(connection, instance=instance, hostname=hostname, pid=pid, **facts)
        row = workers.c.instance == instance
        connection.execute(
            sa.update(workers).where(row).values(seen_at=now(-seconds_ago), started_at=now(-seconds_ago))
        )


@pytest.fixture
def sleeper() -> Iterator[int]:
    """Return the number of a process that begins now."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid


@pytest.mark.usefixtures("engine")
def test_a_worker_of_this_host_that_is_silent_is_not_live(capsys: pytest.CaptureFixture[str]) -> None:
    register("a", seconds_ago=40)
    assert probe(capsys, "--live", *PATIENT) == (0, "live")
    with transaction() as connection:
        connection.execute(sa.update(workers).values(seen_at=now(-70)))
    assert probe(capsys, "--live", *PATIENT) == (1, f"not live: no heartbeat for 60 s of process {OLD}")


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_silence_of_others_is_not_this_hosts(capsys: pytest.CaptureFixture[str], sleeper: int) -> None:
    """Guard: `_is_as_old`: in a container every worker is process 1."""
    register("elsewhere", seconds_ago=3600, hostname="another-host")
    register("killed", seconds_ago=3600, pid=1 << 22)
    register("killed, and its number taken", seconds_ago=3600, pid=sleeper)
    register("before this one", seconds_ago=3600)
    register("stopped", seconds_ago=100)
    with transaction() as connection:
        leases.worker_stopped(connection, "stopped")
    assert probe(capsys, "--live", *PATIENT) == (0, "live")


@pytest.mark.usefixtures("engine")
def test_a_beat_that_does_not_tick_is_not_live(capsys: pytest.CaptureFixture[str]) -> None:
    live = ("--live", "--beat", *PATIENT)
    assert probe(capsys, "--live", *PATIENT)[0] == 0
    assert probe(capsys, *live) == (1, "not live: no beat has ticked for 90 s")
    slots.tick()
    assert probe(capsys, *live) == (0, "live")
    with transaction() as connection:
        old = connection.execute(sa.select(now(-100))).scalar_one().isoformat()
        connection.execute(sa.update(meta).where(meta.c.key == slots.BEAT_SEEN).values(value=old))
    assert probe(capsys, *live)[0] == 1


@pytest.mark.parametrize(
    ("variable", "value", "live", "ready"),
    [
        ("CLERK_LEASE", "long", 2, 2),
        ("DATABASE_URL", "nonsense", 2, 2),
        ("DATABASE_URL", "sqlite:///nowhere.db", 0, 2),
        ("DATABASE_URL", "postgresql+psycopg2://me:hunter2@127.0.0.1:1/x", 0, 2),
        ("BROKER_URL", "redis://:hunter2@127.0.0.1:1/0", 0, 1),
        ("BROKER_URL", "amqp://me:hunter2@127.0.0.1:1//", 0, 1),
        ("BROKER_URL", "", 0, 1),
    ],
)
@pytest.mark.usefixtures("sqlite_url")
def test_what_is_away_makes_nothing_restart(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    live: int,
    ready: int,
) -> None:
    monkeypatch.setenv(variable, value)
    for option, code in (("--live", live), ("--ready", ready)):
        found, line = probe(capsys, option, *PATIENT)
        assert (option, found) == (option, code), line
        assert "hunter2" not in line


@pytest.mark.usefixtures("database_url")
def test_ready_is_a_usable_database_and_a_broker(capsys: pytest.CaptureFixture[str], broker_url: str) -> None:
    assert probe(capsys, "--ready", *PATIENT) == (0, "ready")


@pytest.mark.usefixtures("redis_broker")
def test_a_database_of_another_schema_is_not_ready(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    with transaction() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'e032d9c68444'")
    code, line = probe(capsys, "--ready", *PATIENT)
    assert code == 2
    assert "run `clerk-tasks db upgrade`" in line
    with transaction(engine) as connection:
        for table in ("alembic_version", "clerk_meta"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
    assert "has no recorded revision" in probe(capsys, "--ready", *PATIENT)[1]


@pytest.mark.usefixtures("sqlite_url")
def test_a_password_is_tried(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, private_redis: RedisServer
) -> None:
    with private_redis.client() as client:
        client.config_set("requirepass", "open sesame")
    for secret, code in (("", 1), (":wrong@", 1), (":open%20sesame@", 0), ("default:open%20sesame@", 0)):
        monkeypatch.setenv("BROKER_URL", private_redis.url.replace("//", f"//{secret}"))
        assert probe(capsys, "--ready", *PATIENT)[0] == code, secret


@pytest.mark.parametrize("arguments", [(), ("--live", "--ready"), ("--ready", "--beat"), ("--live", "--timeout", "0")])
def test_what_is_asked_must_be_said(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    assert main(["probe", *arguments]) == 2
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.usefixtures("sqlite_url")
def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "--live", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"probe": "live", "level": "ok", "detail": "live"}


def test_the_heavy_libraries_are_not_imported() -> None:
    """Guard: with SQLAlchemy or kombu an answer takes more than half a second."""
    code = "import clerk_tasks.cli.probe, sys; print(*{'sqlalchemy', 'kombu', 'celery', 'psycopg'} & {*sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


def test_servers_that_do_not_answer_cost_no_more_than_the_timeout(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    private_postgres: PostgresServer,
    private_redis: RedisServer,
) -> None:
    monkeypatch.setenv("DATABASE_URL", private_postgres.url)
    monkeypatch.setenv("BROKER_URL", private_redis.url)
    private_postgres.pause()
    private_redis.pause()
    try:
        for option, code in (("--live", 0), ("--ready", 2)):
            began = time.monotonic()
            assert probe(capsys, option, "--timeout", "0.1")[0] == code
            assert time.monotonic() - began < 2
    finally:
        private_postgres.resume()
        private_redis.resume()


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_read_only_database_makes_nothing_restart(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    """It takes no heartbeats: every worker would be ended, with what it does."""
    register("a", seconds_ago=70)
    make_read_only(engine)
    assert probe(capsys, "--live", *PATIENT) == (0, "live, as far as can be seen: the database is read-only")
    assert probe(capsys, "--ready", *PATIENT) == (2, "not ready: the database is read-only")
