"""Where each document is from is known from the city's list to the page that a reader cites."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from clerk.compilation.compile import compile_meetings, page_id
from clerk.fetching.fetch_state import FetchState, Record
from clerk.fetching.fetcher import Fetcher
from clerk.fetching.layout import Layout
from clerk.fetching.origins import note_origin, origins_of
from clerk.fetching.withdrawal import mark_withdrawn, take_down
from clerk.fsync import hash_file
from clerk.text.document import DocumentText, Page
from clerk.text.tree import write_pages
from devtools.city_legistar import event
from devtools.city_papers import text_pdf
from devtools.city_site import CitySite
from plugins.civicclerk.fetcher import read_event
from plugins.local_publish.addresses import write_addresses
from tests.integration.fetching.conftest import Fetch, ago, publish

PLACE = ("minutes", "PlanningCommission", ago(30))
DETAILS = "https://millbrook.legistar.com/MeetingDetail.aspx?LEGID=7"


@pytest.fixture
def planning(city: CitySite) -> dict[str, Any]:
    """Serve minutes of the Planning Commission, and return their event."""
    city.events = [event(7, "Planning Commission", ago(30)) | publish(city, 7, "Minutes", "words", when=ago(2))]
    city.events[0]["EventInSiteURL"] = DETAILS
    return city.events[0]


def compiled(root: Path, into: Path) -> Path:
    """Read each waiting PDF as one page that says "read", and compile."""
    layout = Layout(root)
    for kind in ("minutes", "agenda"):
        for pdf in layout.all_waiting(kind):
            folder = layout.text(kind, pdf.parent.name, pdf.stem)
            write_pages(DocumentText(hash_file(pdf), (Page(1, "read", "layer"),)), folder, pdf)
    return compile_meetings(root, "millbrook.ca", origins=origins_of(root), into=into).path


def rows(path: Path, sql: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql)]


def test_a_page_knows_everything_that_a_citation_needs(
    planning: dict[str, Any], fetch: Fetch, root: Path, tmp_path: Path
) -> None:
    began = datetime.now(UTC).replace(microsecond=0)
    fetch()
    pdf = Layout(root).waiting(*PLACE)
    path = compiled(root, tmp_path / "meetings.db")
    static = tmp_path / "static"
    (static / "millbrook.ca/_pdfs/PlanningCommission").mkdir(parents=True)
    (static / f"millbrook.ca/_pdfs/PlanningCommission/{ago(30)}.pdf").touch()
    (static / f"millbrook.ca/PlanningCommission/{ago(30)}").mkdir(parents=True)
    write_addresses(path, static, "millbrook.ca")
    (page,) = rows(path, "SELECT * FROM page")
    fetched = datetime.fromisoformat(page.pop("fetched_at"))
    assert began <= fetched <= datetime.now(UTC)
    assert (page.pop("content_hash"), page.pop("sha256")) == (
        rows(path, "SELECT content_hash FROM minutes")[0]["content_hash"],
        hash_file(pdf),
    )
    assert page == {
        "id": page_id("minutes", "PlanningCommission", ago(30), 1, "millbrook.ca"),
        "body": "Planning Commission",
        "date": ago(30),
        "kind": "minutes",
        "page": 1,
        "pages": 1,
        "text": "read",
        "document_url": planning["EventMinutesFile"],
        "meeting_url": DETAILS,
        "image_url": f"/static/millbrook.ca/PlanningCommission/{ago(30)}/1.png",
        "file_url": f"/static/millbrook.ca/_pdfs/PlanningCommission/{ago(30)}.pdf",
        "document_id": "/".join(PLACE),
        "meeting_id": f"PlanningCommission/{ago(30)}",
    }
    assert rows(path, "SELECT * FROM meeting") == [
        {
            "meeting_id": f"PlanningCommission/{ago(30)}",
            "body": "Planning Commission",
            "date": ago(30),
            "number": 1,
            "meeting_url": DETAILS,
            "agenda_pages": 0,
            "minutes_pages": 1,
        }
    ]


def test_what_is_not_served_has_no_address(planning: dict[str, Any], fetch: Fetch, root: Path, tmp_path: Path) -> None:
    fetch()
    path = compiled(root, tmp_path / "meetings.db")
    write_addresses(path, tmp_path / "static", "millbrook.ca")
    assert rows(path, "SELECT image_url, file_url FROM page") == [{"image_url": None, "file_url": None}]


def test_a_document_that_was_fetched_before_learns_its_address(
    planning: dict[str, Any], fetch: Fetch, root: Path
) -> None:
    fetch()
    note = Layout(root).origin(*PLACE)
    note.unlink()
    planning["EventMinutesLastPublishedUTC"] = None  # nor is it downloaded again
    assert fetch().fetched == []
    assert origins_of(root)[PLACE].url == planning["EventMinutesFile"]
    planning["EventInSiteURL"] = f"{DETAILS}8"
    fetch()
    assert origins_of(root)[PLACE].meeting_url == f"{DETAILS}8"


def test_a_fetcher_of_its_own_is_asked_for_no_more_than_before(city: CitySite, root: Path, tmp_path: Path) -> None:
    fetcher = Fetcher({"subdomain": "millbrook.ca", "start_year": 2026, "pages": 0, "extra": None})
    url = city.publish("/papers/1.pdf", text_pdf("words"))
    fetcher.fetch_and_write_pdf(url, "agenda", "BoardOfCommissioners", "2026-05-05")
    path = compiled(root, tmp_path / "meetings.db")
    assert rows(path, "SELECT body, document_url, fetched_at IS NULL AS unknown FROM page") == [
        {"body": "Board of Commissioners", "document_url": url, "unknown": 0}
    ]


def test_an_addendum_is_of_the_meeting_of_its_agenda_and_a_second_meeting_is_another(root: Path) -> None:
    state = FetchState(
        events={"Council/2026-05-05": ["7", "7/addendum", "8"]},
        records={
            "7/agenda": Record("Council/2026-05-05", title="Agenda"),
            "7/agenda/addendum": Record("Council/2026-05-05.2", title="Addendum"),
            "8/agenda": Record("Council/2026-05-05.3"),
        },
    )
    root.mkdir(parents=True)
    (root / "fetch_state.json").write_text(state.dump())
    found = {place[2]: origin for place, origin in origins_of(root).items()}
    assert {folder: (origin.meeting, origin.title) for folder, origin in found.items()} == {
        "2026-05-05": ("2026-05-05", "Agenda"),
        "2026-05-05.2": ("2026-05-05", "Addendum"),
        "2026-05-05.3": ("2026-05-05.3", None),
    }


def test_a_withdrawn_document_says_since_when_and_one_taken_down_leaves_no_note(
    planning: dict[str, Any], fetch: Fetch, root: Path
) -> None:
    fetch()
    mark_withdrawn(Layout(root), PLACE, date(2026, 3, 1))
    assert origins_of(root)[PLACE].withdrawn == "2026-03-01"
    take_down(Layout(root), PLACE, date(2026, 3, 1))
    assert not Layout(root).origin(*PLACE).exists()


def test_a_damaged_note_is_no_note(planning: dict[str, Any], fetch: Fetch, root: Path) -> None:
    fetch()
    for content in ("{", "[]", '{"url": 5}'):
        Layout(root).origin(*PLACE).write_text(content)
        assert origins_of(root)[PLACE].url is None


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://me:secret1@city.example/1.pdf", "https://me:***@city.example/1.pdf"),
        ("https://city.example/1.pdf?token=abc123&id=5", "https://city.example/1.pdf?token=***&id=5"),
        ("HTTPS://city.example/1.pdf", "HTTPS://city.example/1.pdf"),
        ("javascript:alert(1)", None),
        ("/files/1.pdf", None),
    ],
)
def test_readers_get_an_address_of_the_web_without_what_gives_access(root: Path, address: str, shown: str) -> None:
    note_origin(Layout(root), PLACE, url=address, body="Planning Commission")
    assert origins_of(root)[PLACE].url == shown


@pytest.mark.parametrize(("portal", "url"), [("https://x.example", "https://x.example/event/7/files"), ("", "")])
def test_an_event_of_a_portal_has_a_page(portal: str, url: str) -> None:
    known = {"id": 7, "startDateTime": "2026-05-05T18:00:00Z", "categoryName": "Council"}
    assert read_event(known, "https://api.example", portal).url == url
