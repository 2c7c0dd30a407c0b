"""Any number of beats keep the schedules together: each slot fires once."""

from __future__ import annotations

import pytest

from tests.support.minutely import begin, fates, jobs
from tests.support.processes import Program, script, wait_for
from tests.support.system import System

pytestmark = pytest.mark.slow


def test_two_beats_fire_each_slot_once(every_system: System) -> None:
    """Guard: the primary key of schedule_slots. They start together, before five slots that nobody has kept."""
    system = every_system
    begin(system, minutes_ago=5)
    ours = system.programs.clerk("beat")
    celerys = system.programs.run(script("celery"), "-A", "clerk_tasks", "beat")

    def settled() -> bool:
        alive(ours, celerys)
        return fates(system)["enqueued"] >= 5 and all("beat" in beat.log.lower() for beat in (ours, celerys))

    wait_for(settled, "five slots are fired", deadline=60, logs=system.programs.logs)
    assert fates(system)["enqueued"] == jobs(system)
    for beat in (ours, celerys):
        assert beat.terminate() == 0, beat.log


def alive(*programs: Program) -> None:
    for program in programs:
        assert program.alive, program.log


def test_a_schedules_jobs_run(system: System) -> None:
    """From the slot to the effect, with nobody enqueueing: beat, broker, worker."""
    begin(system, minutes_ago=2)
    system.worker()
    beat = system.programs.clerk("beat")
    wait_for(lambda: len(system.effects()) >= 2, "both slots' jobs run", deadline=60, logs=system.programs.logs)
    assert set(system.effects().values()) == {1}
    assert beat.terminate() == 0, beat.log
