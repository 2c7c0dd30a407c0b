"""Any number of beats keep the schedules together: each slot fires once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from clerk.clock import now
from clerk.models import jobs_table, schedule_slots_table
from tests.support.plugin_files import write_plugin
from tests.support.processes import Program, script, wait_for
from tests.support.system import System

pytestmark = pytest.mark.slow

SCHEDULE = """
from clerk import CatchUp, JobRequest, Schedule

class Plugin:
    @hookimpl
    def register_schedules(self):
        return [Schedule("s", "* * * * *", lambda _: [JobRequest("note", "a.ca")], catch_up=CatchUp.ALL)]
"""


def begin(system: System, minutes_ago: int) -> None:
    """Have a schedule of one slot a minute that was seen for the first time so long ago."""
    write_plugin(Path(str(system.effects_file)).with_name("plugins") / "schedule.py", SCHEDULE)
    slot = {"schedule": "s", "fate": "began", "jobs": [], "due_at": now(-60.0 * minutes_ago), "decided_at": now()}
    with system.engine.begin() as connection:
        connection.execute(sa.insert(schedule_slots_table).values(slot))


def fates(system: System) -> Counter[str]:
    """Count the slots of our schedule by their fate."""
    table = schedule_slots_table
    with system.engine.connect() as connection:
        return Counter(connection.execute(sa.select(table.c.fate).where(table.c.schedule == "s")).scalars())


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
    with system.engine.connect() as connection:
        slots = (
            sa.select(sa.func.count())
            .select_from(schedule_slots_table)
            .where(schedule_slots_table.c.fate == "enqueued")
        )
        jobs = sa.select(sa.func.count()).select_from(jobs_table)
        assert connection.execute(slots).scalar() == connection.execute(jobs).scalar()
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
