"""Times as many programs wrote them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from clerk.database.clock import UtcDateTime, format_moment, parse_moment

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


@pytest.mark.parametrize("lenient", [True, False])
def test_text_that_is_no_time_is_read_as_none(lenient: bool) -> None:
    """A row that another program damaged hides no other row."""
    column: sa.ColumnElement[str] = sa.literal_column("'5 January'")
    with sa.create_engine("sqlite://").connect() as connection:
        assert connection.execute(sa.select(sa.type_coerce(column, UtcDateTime(lenient=lenient)))).scalar() is None


def test_only_a_lenient_column_takes_a_naive_datetime() -> None:
    naive = datetime(2026, 1, 5, 12, 0)
    with sa.create_engine("sqlite://").connect() as connection:
        assert connection.execute(sa.select(sa.literal(naive, UtcDateTime(lenient=True)))).scalar() == NOON
        with pytest.raises(sa.exc.StatementError, match="naive"):
            connection.execute(sa.select(sa.literal(naive, UtcDateTime())))
