"""When to enqueue something: the value that `register_schedules` returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from clerk.jobs import JobRequest


class CatchUp(StrEnum):
    """What to do about the slots that fell due while no beat was running."""

    ONCE = "once"  # fire the newest missed slot, record the others as missed
    ALL = "all"  # fire every missed slot
    SKIP = "skip"  # record them as missed and wait for the next


@dataclass(frozen=True, slots=True)
class Schedule:
    """A name, a five-field cron line in a time zone, and which jobs to enqueue at each slot.

    `jobs(connection)` is called for each slot, before the slot is recorded, and returns the jobs to enqueue; none is a
    fine answer (there was nothing to do). It may only read through `connection`. A local time that a DST change
    skips fires when the clock resumes, one that it repeats fires once.
    """

    name: str
    cron: str
    jobs: Callable[[Connection], Sequence[JobRequest]]
    timezone: str = field(default="UTC", kw_only=True)
    catch_up: CatchUp = field(default=CatchUp.ONCE, kw_only=True)
    description: str = field(default="", kw_only=True)
