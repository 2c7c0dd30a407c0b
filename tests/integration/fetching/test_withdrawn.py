"""Meetings that a city moves, enters again or takes back: each document is there once, or marked."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from clerk.fetching.fetch_state import FetchState, Record
from clerk.fetching.layout import Layout
from clerk.fetching.listing import Meeting, Window
from clerk.fetching.vanished import take_over
from clerk.fetching.withdrawal import take_down, withdrawn_documents
from devtools.city_legistar import event
from devtools.city_papers import text_pdf
from devtools.city_site import CitySite, page
from tests.integration.fetching.conftest import TODAY, Fetch, ago, publish, waiting


def minutes(city: CitySite, number: int, day: str, words: str = "Minutes", *, when: str = "") -> dict[str, Any]:
    """Return a meeting of the Council with its minutes."""
    return event(number, "Council", day, **publish(city, number, "Minutes", words, when=when or ago(5)))


@pytest.fixture
def met(city: CitySite, fetch: Fetch) -> CitySite:
    """Serve a city of two meetings that were fetched."""
    city.events = [minutes(city, 1, ago(20), "One"), minutes(city, 2, ago(30), "Two")]
    assert len(fetch().fetched) == 2
    return city


@pytest.fixture
def layout(root: Path) -> Layout:
    return Layout(root)


def test_a_meeting_that_moved_to_another_day_is_there_once(met: CitySite, fetch: Fetch, root: Path) -> None:
    met.events[0] = minutes(met, 1, ago(18), "One", when=ago(1))
    report = fetch()
    assert waiting(root) == [f"pdfs/Council/{ago(30)}.pdf", f"pdfs/Council/{ago(18)}.pdf"]
    assert report.withdrawn == []


def test_the_text_of_a_meeting_that_moved_goes_with_it(met: CitySite, fetch: Fetch, layout: Layout, root: Path) -> None:
    old = ("minutes", "Council", ago(20))
    text, processed = layout.text(*old) / "0001.txt", layout.processed(*old)
    for file in (text, processed):
        file.parent.mkdir(parents=True)
        file.touch()
    layout.pdf(*old).unlink()
    met.events[0] = minutes(met, 1, ago(18), "One", when=ago(1))
    fetch()
    assert not text.parent.exists()
    assert not processed.exists()


def test_a_meeting_that_moved_while_the_server_failed_is_there_once_in_the_end(
    met: CitySite, fetch: Fetch, root: Path
) -> None:
    met.events[0] = minutes(met, 1, ago(18), "One", when=ago(1))
    met.script["/files/1_Minutes.pdf"] = [page("Oops", 500)] * 3
    assert len(fetch().failed) == 1
    fetch()
    assert waiting(root) == [f"pdfs/Council/{ago(30)}.pdf", f"pdfs/Council/{ago(18)}.pdf"]


def test_the_parts_of_a_meeting_that_was_entered_again_keep_their_names() -> None:
    day, names = TODAY.isoformat(), ["1", "11", "1/packet", "11/packet"]
    keys = ["1/agenda", "1/agenda/packet", "11/agenda"]
    state = FetchState(events={f"Council/{day}": names}, records={key: Record(f"Council/{day}", "v") for key in keys})
    take_over(state, [Meeting("11", "Council", TODAY), Meeting("7", "Council", TODAY)], Window(TODAY, TODAY))
    assert state.events == {f"Council/{day}": ["7", "11", "7/packet", "11/packet"]}
    assert sorted(state.records) == ["11/agenda", "7/agenda", "7/agenda/packet"]


@pytest.mark.parametrize("day", [ago(20), ago(18)], ids=["same day", "another day"])
def test_a_meeting_that_was_entered_again_is_there_once(
    met: CitySite, fetch: Fetch, root: Path, layout: Layout, day: str
) -> None:
    met.events[0] = minutes(met, 3, day, "One")
    report = fetch()
    assert waiting(root) == sorted([f"pdfs/Council/{ago(30)}.pdf", f"pdfs/Council/{day}.pdf"])
    assert (report.withdrawn, withdrawn_documents(layout)) == ([], {})
    assert fetch().unchanged == 2


def test_a_meeting_that_was_entered_again_with_another_file_takes_the_name(
    met: CitySite, fetch: Fetch, layout: Layout
) -> None:
    met.events[0] = minutes(met, 3, ago(20), "One, corrected")
    assert fetch().revised == [f"Council/{ago(20)} (minutes)"]
    assert layout.pdf("minutes", "Council", ago(20)).read_bytes() == text_pdf("One, corrected")


def test_what_the_city_took_back_is_marked_with_the_day(met: CitySite, fetch: Fetch, layout: Layout) -> None:
    gone = ("minutes", "Council", ago(20))
    met.events[0] |= {"EventMinutesFile": None}
    report = fetch()
    assert report.withdrawn == [f"Council/{ago(20)} (minutes)"]
    assert report.as_result()["withdrawn"] == 1
    assert withdrawn_documents(layout) == {gone: {"since": TODAY.isoformat(), "taken_down": False}}
    assert layout.pdf(*gone).exists(), "it is kept"
    assert fetch().withdrawn == [], "once"
    met.events[0] = minutes(met, 1, ago(20), "One")
    fetch()
    assert withdrawn_documents(layout) == {}


@pytest.fixture
def taking_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLERK_WITHDRAWN", "take-down")


@pytest.mark.usefixtures("taking_down")
def test_what_the_city_took_back_may_be_taken_down(met: CitySite, fetch: Fetch, layout: Layout, root: Path) -> None:
    del met.events[0]
    fetch()
    assert waiting(root) == [f"pdfs/Council/{ago(30)}.pdf"]
    assert withdrawn_documents(layout)["minutes", "Council", ago(20)]["taken_down"]


def test_what_an_operator_took_down_stays_down(met: CitySite, fetch: Fetch, layout: Layout, root: Path) -> None:
    assert take_down(layout, ("minutes", "Council", ago(20)), TODAY)
    met.events[0] = minutes(met, 1, ago(20), "One, corrected", when=ago(0))
    assert fetch().revised == []
    assert waiting(root) == [f"pdfs/Council/{ago(30)}.pdf"]


def test_a_list_with_rows_left_out_and_a_narrow_one_withdraw_nothing(
    met: CitySite, fetch: Fetch, layout: Layout
) -> None:
    first = met.events.pop(0)
    met.events.append({**first, "EventDate": f"{ago(20)[:8]}99T00:00:00"})
    assert fetch().withdrawn == []
    met.events.pop()
    assert fetch(start_date_str=ago(35), end_date_str=(TODAY - timedelta(days=25)).isoformat()).withdrawn == []
    met.events.clear()
    assert fetch().withdrawn == [], "an empty list says nothing"
