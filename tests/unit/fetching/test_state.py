"""What is remembered between two fetches."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk.fetching.fetch_state import FetchState, Record, load_state

DAY = date(2024, 1, 2)
sightings = st.lists(st.tuples(st.sampled_from("ABC"), st.dates(DAY, date(2024, 1, 4)), st.integers(1, 6).map(str)))


@given(sightings, sightings)
def test_an_event_keeps_its_file_name_and_shares_it_with_none(
    before: list[tuple[str, date, str]], after: list[tuple[str, date, str]]
) -> None:
    state = FetchState("test")
    names = {sighting: state.stem(*sighting) for sighting in before}
    everything = names | {sighting: state.stem(*sighting) for sighting in after}
    assert all(state.stem(*sighting) == name for sighting, name in names.items())
    assert len({(meeting, name) for (meeting, _, _), name in everything.items()}) == len(everything)
    assert all(name.startswith(day.isoformat()) for (_, day, _), name in everything.items())


def test_the_first_meeting_of_a_day_has_the_plain_name() -> None:
    state = FetchState("test")
    assert [state.stem("Council", DAY, number) for number in ("7", "9", "7")] == [
        "2024-01-02",
        "2024-01-02.2",
        "2024-01-02",
    ]


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    state = FetchState("test", datetime(2024, 5, 6, 7, tzinfo=UTC), date(2015, 1, 1))
    state.stem("Council", DAY, "7")
    state.records = {
        "7/minutes": Record("Council/2024-01-02", "v1", etag='"x"'),
        "7/agenda": Record("x", unavailable="HTTP 404"),
    }
    path = tmp_path / "state.json"
    path.write_text(state.dump())
    assert load_state(path, source="test") == state


def test_another_source_s_ids_mean_nothing(tmp_path: Path) -> None:
    state = FetchState("legistar api", records={"7/minutes": Record("Council/2024-01-02")})
    path = tmp_path / "state.json"
    path.write_text(state.dump())
    assert load_state(path, source="legistar insite") == FetchState("legistar insite")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        '{"format": 1, "source": "test", "records": {"a": 3}}',
        '{"format": 1, "source": "test", "last_run": "x"}',
    ],
)
def test_a_damaged_file_is_an_error_not_an_empty_memory(tmp_path: Path, content: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(content)
    with pytest.raises(ValueError):  # noqa: PT011 - what is wrong, the library says
        load_state(path, source="test")


def test_no_file_is_a_first_time(tmp_path: Path) -> None:
    assert load_state(tmp_path / "none.json", source="test") == FetchState("test")
