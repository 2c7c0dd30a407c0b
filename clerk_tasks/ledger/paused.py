"""Which jobs a pause holds, as conditions of a statement."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, Text, and_, false, func, literal, not_, select

from clerk.database.literals import constant
from clerk.database.states import JobState
from clerk.database.tables import jobs_table as jobs
from clerk.pauses import Paused

#: What no pause holds.
NOTHING_PAUSED = Paused()


def sites_left(without: Iterable[str]) -> list[ColumnElement[bool]]:
    """Return the condition that a job is of another site than these; no condition without sites."""
    names = [literal(name, Text) for name in sorted(without)]
    return [jobs.c.subdomain.not_in(names)] if names else []


def not_held(paused: Paused) -> list[ColumnElement[bool]]:
    """Return the conditions that no pause holds a job."""
    if paused.everything:
        return [false()]
    columns = ((jobs.c.queue, paused.queues), (jobs.c.job_type, paused.job_types))
    return [*(column.not_in(sorted(names)) for column, names in columns if names), *sites_left(paused.sites)]


def is_paused(paused: Paused) -> ColumnElement[bool] | None:
    """Return the condition that a pause holds a job, None if nothing is paused."""
    left = not_held(paused)
    return not_(and_(*left)) if left else None


def count_held(connection: Connection, kind: str, name: str) -> int | None:
    """Return how many due jobs a pause of this kind and name holds; None where that is not about jobs."""
    columns = {"queue": jobs.c.queue, "type": jobs.c.job_type, "site": jobs.c.subdomain}
    if kind != "all" and kind not in columns:
        return None
    held = [] if kind == "all" else [columns[kind] == name]
    due = (JobState.AVAILABLE, JobState.HELD)  # each by its own partial index
    counts = [select(func.count()).where(jobs.c.state == constant(state), *held) for state in due]
    return sum(connection.execute(each).scalar_one() for each in counts)
