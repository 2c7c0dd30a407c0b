"""List the schedules and their next slots, and fire them."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from clerk.acts import record_act
from clerk.database.clock import database_time
from clerk.database.transactions import reading, transaction
from clerk.errors import DatabaseUnavailable
from clerk_tasks.schedules import declared, slots
from clerk_tasks.schedules.cron import moments
from clerk_tasks.schedules.slots import Fired


def list_schedules() -> list[dict[str, Any]]:
    """Return every schedule with its next slot and the fate of its last."""
    known = declared.gather().values()
    with reading() as connection:
        return [slots.describe(schedule, connection) for schedule in known]


def list_slots(name: str | None, count: int) -> list[dict[str, Any]]:
    """Return the next slots of one schedule, or of all, in UTC and local time; NotFoundError for an unknown name."""
    schedules = [slots.find(name)] if name else list(declared.gather().values())
    with reading() as connection:
        current = database_time(connection)
    return [
        {"name": schedule.name, "due_at": moment, "local": moment.astimezone(ZoneInfo(schedule.timezone))}
        for schedule in schedules
        for moment in islice(moments(schedule, current), count)
    ]


def slot_history(name: str | None = None, count: int = 30) -> dict[str, list[dict[str, Any]]]:
    """Return {schedule: its last slots, newest first} of one schedule, or of all.

    Each slot has `due_at`, `fate`, `jobs` and `detail`. NotFoundError for an unknown name.
    """
    names = [slots.find(name).name] if name else list(declared.gather())
    with reading() as connection:
        return {each: slots.last_slots(connection, each, count) for each in names}


def fire(name: str | None, *, reason: str | None = None) -> list[Fired]:
    """Fire one schedule now, or every schedule that is due; NotFoundError for an unknown name."""
    if name is None:
        return slots.tick()
    fired = slots.fire_now(name)
    with suppress(DatabaseUnavailable), transaction() as connection:  # it has fired already
        record_act(connection, "fire", f"schedule {name}", number=len(fired.job_ids), reason=reason)
    return [fired]
