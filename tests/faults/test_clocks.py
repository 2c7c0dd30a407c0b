"""A machine's clock is wrong by hours: only the database's clock is compared with the database's timestamps."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from clerk.database.clock import database_time
from clerk.database.tables import schedule_slots_table
from devtools.minutely import begin, fates
from devtools.processes import Program, wait_for
from devtools.system import System
from devtools.wrong_clock import wrong_clock
from tests.faults.conftest import MakeSystem

pytestmark = pytest.mark.parametrize("hours", [2, -2])


@pytest.fixture
def system(postgres_url: str, make_system: MakeSystem) -> System:
    """Return the system on PostgreSQL, whose clock is its own."""
    return make_system(postgres_url)


def lease_of(system: System, job_id: str) -> datetime:
    return datetime.fromisoformat(system.job(job_id)["lease_until"])


def time_of(system: System) -> datetime:
    with system.engine.connect() as connection:
        return database_time(connection)


def assert_wrong(program: Program, hours: float) -> None:
    """Assert that a program's log is of another time; a clock that was right would prove nothing."""
    said = next(line for line in program.log.splitlines() if " INFO " in line)
    off = datetime.fromisoformat(said[:19]) - datetime.now()
    assert abs(off.total_seconds() - hours * 3600) < 60, said


@pytest.mark.fault("F11")
def test_a_worker_with_a_wrong_clock_keeps_its_leases(system: System, hours: int, tmp_path: Path) -> None:
    """The worker claims, renews and finishes; no worker, itself included, finds it late."""
    wrong = system.worker("-c", "1", env=wrong_clock(tmp_path / "clock", hours=hours))
    job_id = system.enqueue("gated")
    system.wait_until_began(job_id)
    assert_wrong(wrong, hours)
    system.worker("-c", "1")
    claimed_until = lease_of(system, job_id)
    assert 0 < (claimed_until - time_of(system)).total_seconds() <= 6
    wait_for(lambda: time_of(system) > claimed_until, "the first lease would be over", deadline=10)
    assert 0 < (lease_of(system, job_id) - time_of(system)).total_seconds() <= 6
    system.open_gate()
    assert system.wait_for_end(job_id) == ["completed"]
    assert system.attempts(job_id) == ["completed"]


@pytest.mark.fault("F11")
def test_a_worker_with_a_wrong_clock_takes_over_in_time(system: System, hours: int, tmp_path: Path) -> None:
    """No sooner, since the dead one might live, and no later."""
    doomed = system.worker("-c", "1")
    job_id = system.enqueue("gated")
    system.wait_until_began(job_id)
    wrong = system.worker("-c", "1", env=wrong_clock(tmp_path / "clock", hours=hours))
    assert_wrong(wrong, hours)
    doomed.kill()
    killed_at, lease_until = time.monotonic(), lease_of(system, job_id)
    system.wait_until_began(job_id, attempt=2)
    print(f"\nrecovery after a killed parent, by a clock {hours:+} h off: {time.monotonic() - killed_at:.2f} s")  # noqa: T201
    assert time.monotonic() - killed_at <= 7
    assert time_of(system) > lease_until
    system.open_gate()
    assert system.wait_for_end(job_id) == ["completed"]
    assert system.attempts(job_id) == ["lost", "completed"]


@pytest.mark.slow
@pytest.mark.fault("F11", "F13")
@pytest.mark.fast
def test_a_beat_with_a_wrong_clock_fires_what_is_due(system: System, hours: int, tmp_path: Path) -> None:
    """The five slots that have come, and none of the next two hours'."""
    begin(system, minutes_ago=5)
    beat = system.programs.clerk("beat", env=wrong_clock(tmp_path / "clock", hours=hours))
    wait_for(lambda: fates(system)["enqueued"] >= 5, "the slots are fired", deadline=60, logs=lambda: beat.log)
    assert_wrong(beat, hours)
    with system.engine.connect() as connection:
        last = connection.execute(sa.select(sa.func.max(schedule_slots_table.c.due_at))).scalar_one()
        assert last <= database_time(connection)
    assert fates(system)["enqueued"] <= 6
    assert beat.terminate() == 0, beat.log
