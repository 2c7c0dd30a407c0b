"""Documents that could not be downloaded, or not whole: owed, and asked for again with a growing pause."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from clerk.fetching.failure_notes import owed_documents, write_note
from clerk.fetching.fetch_state import Record
from clerk.fetching.layout import Layout
from clerk.fsync import hash_file
from clerk.sites.admin import NewSite, add_site
from clerk_tasks.operations.listing import show_status
from devtools.city_legistar import event
from devtools.city_papers import text_pdf
from devtools.city_site import Answer, CitySite, page
from tests.integration.fetching.conftest import TODAY, Fetch, ago, publish, waiting

FILE = "/files/1_Minutes.pdf"


@pytest.fixture
def old(city: CitySite) -> CitySite:
    """Serve a city with the minutes of one meeting long ago."""
    city.events = [event(1, "Council", ago(200), **publish(city, 1, "Minutes", "Old minutes", when=ago(190)))]
    return city


@pytest.mark.parametrize(
    "answer", [page("Just a moment...", 403), page("gone", 404), Answer(b"")], ids=["403", "404", "empty"]
)
def test_what_was_refused_is_asked_for_again(old: CitySite, fetch: Fetch, root: Path, answer: Answer) -> None:
    served, old.routes[FILE] = old.routes[FILE], answer
    report = fetch()
    assert (len(report.unavailable), report.owed) == (1, 1)
    old.routes[FILE] = served
    report = fetch()
    assert (len(report.fetched), report.owed) == (1, 0)
    assert waiting(root) == [f"pdfs/Council/{ago(200)}.pdf"]


@pytest.mark.usefixtures("sqlite_url")
def test_what_is_owed_is_counted_for_the_operator(old: CitySite, fetch: Fetch, root: Path) -> None:
    refused = ("minutes", "Council", ago(200))
    old.routes[FILE] = page("no", 403)
    fetch()
    add_site(NewSite(subdomain="millbrook.ca", name="Millbrook", state="CA"))
    assert [site["owed"] for site in show_status()["sites"]] == [1]
    for kind in ("minutes", "agenda"):  # what could not be read is owed too, and counted once
        write_note(Layout(root), (kind, *refused[1:]), {"reason": "damaged"})
    assert owed_documents(Layout(root)) == [("agenda", *refused[1:]), refused]
    assert [site["owed"] for site in show_status()["sites"]] == [2]


def test_what_is_refused_again_is_asked_for_with_a_pause(old: CitySite, fetch: Fetch) -> None:
    old.routes[FILE] = page("no", 403)
    asked = [len(fetch().unavailable) for _ in range(4)]
    assert asked == [1, 1, 0, 0]
    assert fetch().as_result()["owed"] == 1
    assert len(fetch(start_date_str=ago(300)).unavailable) == 1, "an operator who names days wants it now"
    old.events[0] |= publish(old, 1, "Minutes", "Old minutes, corrected", when=ago(0))
    assert len(fetch().fetched) == 1, "a new version is asked for at once"


@pytest.mark.parametrize(
    ("tries", "days"), [(None, 0), (0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (7, 32), (8, 32), (10**6, 32)]
)
def test_the_pause_grows_to_a_month(tries: int | None, days: int) -> None:
    record = Record("Council/2024-01-02", tries=tries, asked="2024-03-01")
    due = date(2024, 3, 1) + timedelta(days=days)
    assert record.is_due(due)
    assert days == 0 or not record.is_due(due - timedelta(days=1))


def test_a_first_answer_that_is_empty_is_not_taken_for_the_whole(old: CitySite, fetch: Fetch) -> None:
    old.events[0] |= {"EventDate": f"{ago(2000)}T00:00:00", "EventMinutesLastPublishedUTC": f"{ago(1990)}T00:00:00"}
    old.events[0] |= {"EventLastModifiedUtc": f"{ago(1990)}T00:00:00"}
    held, old.events = old.events, []
    assert fetch().fetched == []
    old.events = held
    assert fetch().fetched == [f"Council/{ago(2000)} (minutes)"]


def test_a_damaged_file_is_downloaded_again_though_the_server_calls_it_unchanged(
    old: CitySite, fetch: Fetch, root: Path
) -> None:
    whole = text_pdf("Old minutes")
    old.routes[FILE] = Answer(whole[:300], headers={"ETag": '"1"'})
    fetch()
    place = ("minutes", "Council", ago(200))
    layout = Layout(root)
    write_note(layout, place, {"reason": "damaged", "job_id": "1", "sha256": hash_file(layout.pdf(*place))})
    old.routes[FILE] = lambda asked: Answer(b"", 304) if "If-None-Match" in asked.headers else Answer(whole[:300])
    assert [len(fetch().fetched + fetch().revised) for _ in range(2)] == [0, 0]
    assert old.paths(FILE) == [], "the second pause is a day"
    old.routes[FILE] = Answer(whole, headers={"ETag": '"1"'})
    assert fetch(start_date_str=f"{TODAY.year - 10}-01-01").revised == [f"Council/{ago(200)} (minutes)"]
    assert layout.pdf(*place).read_bytes() == whole
