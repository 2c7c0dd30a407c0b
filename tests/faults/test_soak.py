"""F25: faults at random over real jobs that fan out and in, for minutes; `script/test soak --minutes N --seed S`."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import psutil
import pytest

from devtools import soak_plugin
from devtools.breakable import BreakableBroker, BreakableEmbedded, BreakableServer
from devtools.processes import wait_for
from devtools.services import PostgresServer, RabbitServer, RedisServer
from devtools.soak import ClerkFleet, Soak
from devtools.soak_towns import Towns
from tests.faults.conftest import MakeSystem
from tests.fixtures import migrate

#: What a seed runs on, by its remainder: neighbours differ in both.
COMBINATIONS = (
    ("embedded", "sqlite"),
    ("redis", "postgresql"),
    ("rabbitmq", "sqlite"),
    ("embedded", "postgresql"),
    ("redis", "sqlite"),
    ("rabbitmq", "postgresql"),
)


@pytest.mark.fault("F25")
@pytest.mark.soak
@pytest.mark.timeout(0)
def test_nothing_is_lost_and_nothing_happens_twice(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every job ends, every effect happens once, every gathering comes after its pieces; the report is printed.

    The seed decides what happens and, unless an option does, on which broker and database.
    """
    option = request.config.getoption
    seed = Random().randrange(10**6) if option("seed") is None else option("seed")
    rng = Random(seed)
    kinds = COMBINATIONS[seed % len(COMBINATIONS)]
    broker_kind, database_kind = option("broker") or kinds[0], option("database") or kinds[1]
    print(f"\nsoak: seed {seed}, {option('minutes'):g} minutes, {broker_kind}, {database_kind}")  # noqa: T201
    broker = _broker(broker_kind, request, monkeypatch)
    postgres: PostgresServer | None = None
    if database_kind == "postgresql":
        postgres = request.getfixturevalue("private_postgres")
        monkeypatch.setenv("DATABASE_URL", postgres.url)
        migrate(postgres.url)
    url = postgres.url if postgres else request.getfixturevalue("sqlite_url")
    make_system: MakeSystem = request.getfixturevalue("make_system")  # after its database, which must outlive it
    system = make_system(url)
    shutil.copy(soak_plugin.__file__, tmp_path / "plugins")
    fleet = ClerkFleet(system, broker, postgres)
    towns = Towns(system, tmp_path, monkeypatch)
    for _ in range(2):
        fleet.start_worker()
    soak = Soak(fleet, towns, rng)
    soak.run(option("minutes") * 60)
    soak.check()
    print(soak.report)  # noqa: T201
    for worker in fleet.workers:
        children = worker.children()
        assert worker.terminate(deadline=60) == 0, worker.log
        wait_for(lambda left=tuple(children): not psutil.wait_procs(left, timeout=0)[1], "no child is left")  # type: ignore[misc]


def _broker(kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> BreakableBroker:
    if kind == "embedded":
        return BreakableEmbedded()
    server: RedisServer | RabbitServer = request.getfixturevalue(f"private_{kind}")
    monkeypatch.setenv("BROKER_URL", server.url)
    return BreakableServer(server)
