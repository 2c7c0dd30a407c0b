"""Times as many programs wrote them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk.database.legacy_types import format_moment, parse_moment

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-05T12:00:00",
        "2026-01-05 12:00:00",
        "2026-01-05T12:00",
        "2026-01-05 12:00:00.000000",
        "2026-01-05T12:00:00Z",
        "2026-01-05T04:00:00-08:00",
        " 2026-01-05T12:00:00 ",
    ],
)
def test_every_format_is_read_as_utc(text: str) -> None:
    assert parse_moment(text) == NOON


@pytest.mark.parametrize("text", [None, "", "yesterday", "2026-13-01", 17, "0000-00-00 00:00:00"], ids=repr)
def test_what_is_no_time_is_none(text: object) -> None:
    assert parse_moment(text) is None


def test_a_date_is_its_first_moment() -> None:
    assert parse_moment("2026-01-05") == NOON - timedelta(hours=12)


@given(st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.sampled_from([UTC, timezone(timedelta(hours=-8))])))
def test_writing_and_reading_gives_the_same_second(moment: datetime) -> None:
    text = format_moment(moment)

    assert len(text) == len("2026-01-05T12:00:00")
    assert parse_moment(text) == moment.replace(microsecond=0)
