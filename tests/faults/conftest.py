"""The system that a fault meets: on what operators get by default, on everything in turn, or on servers of its own.

A system is asked for after its database, and so has its ledger checked before that is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.breakable import BreakableBroker, BreakableEmbedded, BreakableServer
from tests.support.fixtures import migrate, serve
from tests.support.plugin_files import imports_undone
from tests.support.processes import Programs
from tests.support.services import PostgresServer, RabbitServer, RedisServer
from tests.support.system import System

MakeSystem = Callable[[str], System]

#: What the fast suite has of this one, on the embedded broker and SQLite: each kind of fault once. The rest is slow.
QUICK = {
    "test_a_killed_child_costs_an_attempt_and_two_seconds",
    "test_a_stopped_worker_that_wakes_finds_itself_fenced",
    "test_a_killed_broker_costs_no_job_and_no_second_effect",
    "test_a_full_broker_stops_no_worker",
    "test_a_full_disk_under_the_broker_costs_nothing",
    "test_a_restored_file_is_taken_up_by_a_worker_that_runs",
    "test_an_outcome_that_the_database_refuses_is_a_failure",
    "test_a_beat_with_a_wrong_clock_fires_what_is_due",
    "test_two_beats_fire_each_slot_once",
    "test_beat_ends_at_once_and_cleanly",
    "test_delivery_with_or_without_duplicates",
    "test_priority_within_a_queue",
    "test_messages_of_others",
    "test_arguments_that_are_too_large_are_refused_and_nothing_is_recorded",
    "test_whatever_a_job_raises_the_worker_goes_on",
    "test_a_job_cancelled_while_it_waits_never_runs",
    "test_a_running_job_is_cancelled_at_its_next_checkpoint",
    "test_a_run_cancelled_during_its_fan_in_ends_cancelled",
}


@pytest.hookimpl(tryfirst=True)  # before -m is looked at
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what is not quick."""
    for item in items:
        if item.path.parent == Path(__file__).parent and not _is_quick(item):
            item.add_marker(pytest.mark.slow)


def _is_quick(item: pytest.Item) -> bool:
    name, _, parameters = item.name.partition("[")
    return name in QUICK and not {"redis", "rabbitmq", "postgresql"} & set(parameters.rstrip("]").split("-"))


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
