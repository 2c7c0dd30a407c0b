"""When a schedule is due: every local time once, over both changes of the clocks, however the slots are asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clerk.schedule import Schedule
from clerk_tasks.schedules.cron import moments, slots_between

ZONES = st.sampled_from(
    ["America/Los_Angeles", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu", "UTC"]
)
CRONS = st.sampled_from(
    [
        "0 6 * * *",
        "30 2 * * *",
        "30 1 * * *",
        "*/20 * * * *",
        "0 */4 * * *",
        "15 1,2 * * 0",
        "0 0 1 * *",
        "45 0-3 * * *",
        "*/30 1 * * *",
        "* 2 * * *",
    ]
)
#: About the days on which those zones change their clocks.
STARTS = st.sampled_from(["2026-03-07", "2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24", "2026-10-31"])


def schedule(cron: str, timezone: str = "America/Los_Angeles") -> Schedule:
    return Schedule("s", cron, lambda _: (), timezone=timezone)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def between(line: Schedule, after: datetime, until: datetime) -> list[datetime]:
    return list(takewhile(lambda moment: moment <= until, moments(line, after)))


def test_six_in_the_morning_stays_six_over_both_changes() -> None:
    """Guard: slots are counted in the schedule's time zone, not in UTC."""
    spring = between(schedule("0 6 * * *"), at("2026-03-06"), at("2026-03-10"))
    assert spring == [at(f"2026-03-{day}T{hour}:00") for day, hour in (("06", 14), ("07", 14), ("08", 13), ("09", 13))]
    autumn = between(schedule("0 6 * * *"), at("2026-10-31"), at("2026-11-03"))
    assert autumn == [at("2026-10-31T13:00"), at("2026-11-01T14:00"), at("2026-11-02T14:00")]


def test_a_time_that_the_clocks_skip_fires_when_they_resume() -> None:
    """On 8 March 2026 there is no 02:30 in California: it fires at 03:00 PDT, once."""
    slots = between(schedule("30 2 * * *"), at("2026-03-07T12:00"), at("2026-03-09T12:00"))
    assert slots == [at("2026-03-08T10:00"), at("2026-03-09T09:30")]


def test_a_time_that_the_clocks_repeat_fires_once() -> None:
    """On 1 November 2026 01:30 comes twice in California."""
    slots = between(schedule("30 1 * * *"), at("2026-10-31T12:00"), at("2026-11-02T12:00"))
    assert slots == [at("2026-11-01T08:30"), at("2026-11-02T09:30")]


@settings(max_examples=60)
@given(CRONS, ZONES, STARTS, st.integers(1, 90), st.data())
def test_slots_are_the_same_however_they_are_asked_for(
    cron: str, zone: str, start: str, hours: int, data: st.DataObject
) -> None:
    """A tick continues from the last slot, whenever that was: no slot twice, none left out."""
    line, begin = schedule(cron, zone), at(start)
    end = begin + timedelta(hours=hours)
    whole = between(line, begin, end)
    assert all(earlier < later for earlier, later in pairwise(whole))
    cut = data.draw(st.sampled_from(whole)) if whole else end
    assert between(line, begin, cut) + between(line, cut, end) == whole


@pytest.mark.parametrize("day", ["2026-03-08", "2026-11-01"])
@pytest.mark.parametrize("cron", ["*/20 * * * *", "45 0-3 * * *", "30 1 * * *", "30 2 * * *", "0 */4 * * *"])
def test_slots_one_by_one_are_the_slots_at_once_on_the_days_of_change(day: str, cron: str) -> None:
    line, begin = schedule(cron), at(f"{day}T00:00")
    whole = between(line, begin, begin + timedelta(days=2))
    one_by_one = []
    while (moment := next(islice(moments(line, begin), 1))) <= at(f"{day}T00:00") + timedelta(days=2):
        one_by_one.append(moment)
        begin = moment
    assert one_by_one == whole


def test_a_repeated_hour_fires_each_of_its_minutes_once_however_they_are_written() -> None:
    """On 1 November 2026 California has the hour from one to two twice."""
    slots = between(schedule("*/30 1 * * *"), at("2026-11-01T00:00"), at("2026-11-02T00:00"))
    assert slots == [at("2026-11-01T08:00"), at("2026-11-01T08:30")]


@given(CRONS, ZONES, STARTS, st.integers(1, 50))
def test_slots_are_the_same_from_the_end(cron: str, zone: str, start: str, most: int) -> None:
    line = schedule(cron, zone)
    after, until = at(start), at(start) + timedelta(days=2, minutes=7)
    every = between(line, after, until)
    found, older = slots_between(line, after, until, most=most)
    assert found == every[-most:]
    assert older == (every[-most - 1] if len(every) > most else None)
