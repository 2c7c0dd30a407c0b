"""When a schedule is due: the slots of its cron line, in its time zone, across changes of the clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from clerk.schedule import Schedule


def moments(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    """Yield the slots of a schedule after a moment, in UTC; raises ValueError for a bad cron line or time zone."""
    return _iterate(schedule, after, backwards=False)


def slots_between(
    schedule: Schedule, after: datetime, until: datetime, *, most: int
) -> tuple[list[datetime], datetime | None]:
    """Return the slots after one moment and until another, and the newest that is left out when these are too many.

    They are found from the end: a year of minutes takes no longer than `most` of them.
    """
    newest: list[datetime] = []
    for moment in _iterate(schedule, until + timedelta(minutes=1), backwards=True):
        if moment <= after:
            break
        if len(newest) == most:
            return newest[::-1], moment
        if moment <= until:
            newest.append(moment)
    return newest[::-1], None


def _iterate(schedule: Schedule, start: datetime, *, backwards: bool) -> Iterator[datetime]:
    try:
        local = CronSim(_pattern(schedule.cron), start.astimezone(ZoneInfo(schedule.timezone)), reverse=backwards)
    except CronSimError as error:
        raise ValueError(str(error)) from None
    return (moment.astimezone(UTC) for moment in local)


def _pattern(cron: str) -> str:
    """Return a cron line whose hours are fixed with its minutes fixed too.

    CronSim, as Debian's cron, fires a line with * in its minutes again in the hour that a change of the clock repeats,
    and not at all in one that it skips.
    """
    minutes, _, rest = cron.strip().partition(" ")
    return f"0-59{minutes[1:]} {rest}" if minutes.startswith("*") and not rest.lstrip().startswith("*") else cron
