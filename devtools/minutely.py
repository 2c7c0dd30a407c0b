"""A schedule with a slot every minute, each of which enqueues one job, and what has become of its slots."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import sqlalchemy as sa

from clerk.database.clock import now
from clerk.database.tables import clerk_meta_table as meta
from clerk.database.tables import jobs_table, schedule_slots_table
from clerk_tasks.schedules.slots import BEAT_SEEN
from devtools.plugin_files import write_plugin
from devtools.system import System

PLUGIN = """
from clerk import CatchUp, JobRequest, Schedule

class Plugin:
    @hookimpl
    def register_schedules(self):
        return [Schedule("s", "* * * * *", lambda _: [JobRequest("note", "a.ca")], catch_up=CatchUp.{catch_up})]
"""


def begin(system: System, *, minutes_ago: int, catch_up: str = "ALL") -> None:
    """Have the schedule, first seen so many slots ago; by default every one since is to be caught up with."""
    source = PLUGIN.format(catch_up=catch_up)
    write_plugin(Path(str(system.effects_file)).with_name("plugins") / "schedule.py", source)
    slot = {"schedule": "s", "fate": "began", "jobs": [], "due_at": now(-60.0 * minutes_ago), "decided_at": now()}
    with system.engine.begin() as connection:
        connection.execute(sa.insert(schedule_slots_table).values(slot))


def fates(system: System) -> Counter[str]:
    """Count its slots by their fate."""
    table = schedule_slots_table
    with system.engine.connect() as connection:
        return Counter(connection.execute(sa.select(table.c.fate).where(table.c.schedule == "s")).scalars())


def let_pass(system: System, *, minutes: int) -> None:
    """Move the schedule's beginning into the past, as if so many slots had come since."""
    table = schedule_slots_table
    with system.engine.begin() as connection:
        assert connection.execute(sa.delete(table).where(table.c.fate != "began")).rowcount <= 1
        connection.execute(sa.update(table).values(due_at=now(-60.0 * minutes)))


def ticked_at(system: System) -> str | None:
    """Return when a beat has ticked last."""
    with system.engine.connect() as connection:
        return connection.execute(sa.select(meta.c.value).where(meta.c.key == BEAT_SEEN)).scalar()


def jobs(system: System) -> int:
    """Count the jobs that there are: one per slot that was fired once."""
    with system.engine.connect() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(jobs_table)).scalar_one())
