"""Any number of beats keep the schedules together: each slot fires once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from devtools.breakable import BreakableBroker
from devtools.minutely import begin, fates, jobs, let_pass, ticked_at
from devtools.plugin_files import write_plugin
from devtools.processes import Program, script, wait_for
from devtools.system import System


@contextmanager
def held_up(system: System) -> Iterator[None]:
    """Let nobody decide about a slot for the length of a with block."""
    with system.engine.begin() as connection:  # on SQLite that is enough
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            connection.execute(sa.text("LOCK TABLE schedule_slots IN EXCLUSIVE MODE"))
        yield


@pytest.mark.slow
@pytest.mark.fault("F13")
@pytest.mark.fast
def test_two_beats_fire_each_slot_once(every_system: System) -> None:
    """Our beat and Celery's own start together, with an hour of missed slots."""
    system = every_system
    begin(system, minutes_ago=60)
    with held_up(system):
        ours = system.programs.clerk("beat")
        celerys = system.programs.run(script("celery"), "-A", "clerk_tasks", "beat")
        for beat in (ours, celerys):
            beat.wait_for_log("tarting", deadline=40)

    def settled() -> bool:
        alive(ours, celerys)
        return fates(system)["enqueued"] >= 60

    wait_for(settled, "an hour of slots is fired", deadline=60, logs=system.programs.logs)
    for beat in (ours, celerys):
        assert beat.terminate() == 0, beat.log
    assert fates(system)["enqueued"] == jobs(system)


def alive(*programs: Program) -> None:
    for program in programs:
        assert program.alive, program.log


@pytest.mark.fault("F13")
def test_a_schedules_jobs_run(system: System) -> None:
    """From the slot to the effect through beat, broker and worker; no one else enqueues."""
    begin(system, minutes_ago=2)
    system.worker()
    beat = system.programs.clerk("beat")
    wait_for(lambda: len(system.effects()) >= 2, "both slots' jobs run", deadline=60, logs=system.programs.logs)
    assert set(system.effects().values()) == {1}
    assert beat.terminate() == 0, beat.log


@pytest.mark.fault("F13")
@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_a_beat_that_was_away_catches_up_once(system: System, how: str) -> None:
    """Five slots come and go meanwhile; by the default policy the newest is fired, and the others are missed."""
    begin(system, minutes_ago=0, catch_up="ONCE")
    beat = system.programs.clerk("beat")
    wait_for(lambda: ticked_at(system), "it ticks", deadline=30, logs=lambda: beat.log)
    if how == "killed":
        beat.kill()
    else:
        beat.signal(signal.SIGSTOP)
    let_pass(system, minutes=5)
    before = ticked_at(system)
    if how == "killed":
        beat = system.programs.clerk("beat")
    else:
        beat.signal(signal.SIGCONT)
    wait_for(lambda: ticked_at(system) != before, "it ticks again", deadline=40, logs=lambda: beat.log)
    found = fates(system)
    assert found["enqueued"] == 1, found
    assert found["missed"] in (4, 5), "a minute may have begun meanwhile"
    assert beat.terminate() == 0, beat.log


@pytest.mark.fault("F13")
@pytest.mark.parametrize("own_broker", ["redis"], indirect=True)
def test_a_slot_that_comes_while_the_broker_is_down_is_kept(
    own_broker_system: System, own_broker: BreakableBroker
) -> None:
    """Bare Celery logs "Message Error", and goes on to the next slot: the night is lost."""
    system = own_broker_system
    begin(system, minutes_ago=2)
    worker = system.worker()
    own_broker.kill()
    beat = system.programs.clerk("beat")
    wait_for(lambda: fates(system)["enqueued"] >= 2, "the slots are fired", deadline=60, logs=system.programs.logs)
    beat.wait_for_log("waits until the broker is back", count=2)
    assert system.effects() == {}
    own_broker.heal()
    wait_for(lambda: len(system.effects()) >= 2, "their jobs run", deadline=60, logs=system.programs.logs)
    assert set(system.effects().values()) == {1}
    assert beat.terminate() == 0, beat.log
    assert fates(system)["enqueued"] == jobs(system)
    assert worker.alive


SLOW = """
import os, threading
from pathlib import Path

class Slow:
    @hookimpl
    def register_schedules(self):
        Path(os.environ["EFFECTS"] + ".asked").touch()
        pause = threading.Event()
        while not Path(os.environ["EFFECTS"] + ".gate").exists():
            pause.wait(0.02)
        return []
"""


@pytest.mark.fault("F3", "F13")
def test_a_beat_that_is_told_to_end_in_the_middle_of_a_tick_ends(system: System) -> None:
    """Celery raises SystemExit for SIGTERM, wherever beat is: in a statement, in a plugin's hook."""
    write_plugin(system.effects_file.with_name("plugins") / "slow.py", SLOW)
    beat = system.programs.clerk("beat")
    asked = system.effects_file.with_name("effects.asked")
    wait_for(asked.exists, "it asks the plugin for its schedules", deadline=30, logs=lambda: beat.log)
    beat.signal(signal.SIGTERM)
    system.open_gate()
    assert beat.wait() == 0, beat.log
    assert "quarantined" not in beat.log
