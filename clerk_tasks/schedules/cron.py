"""When a schedule is due: the slots of its cron line, in its time zone, across changes of the clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from clerk.schedule import Schedule


def moments(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    """Yield the slots of a schedule after a moment, in UTC; raises ValueError for a bad cron line or time zone."""
    try:
        local = CronSim(_pattern(schedule.cron), after.astimezone(ZoneInfo(schedule.timezone)))
    except CronSimError as error:
        raise ValueError(str(error)) from None
    return (moment.astimezone(UTC) for moment in local)


def slots_between(
    schedule: Schedule, after: datetime, until: datetime, *, most: int
) -> tuple[list[datetime], datetime | None]:
    """Return the slots after one moment and until another, and the newest that is left out when these are too many.

    They are looked for in ever longer spans before the end: a year of minutes takes no longer than a few times `most`.
    """
    span = timedelta(hours=1)
    while True:
        start = max(after, until - span)
        newest = deque(takewhile(lambda moment: moment <= until, moments(schedule, start)), maxlen=most + 1)
        if len(newest) > most:
            older = newest.popleft()
            return list(newest), older
        if start == after:
            return list(newest), None
        span *= 4


def _pattern(cron: str) -> str:
    """Return a cron line whose hours are fixed with its minutes fixed too.

    CronSim, as Debian's cron, fires a line with * in its minutes again in the hour that a change of the clock repeats,
    and not at all in one that it skips.
    """
    minutes, _, rest = cron.strip().partition(" ")
    return f"0-59{minutes[1:]} {rest}" if minutes.startswith("*") and not rest.lstrip().startswith("*") else cron
