"""CivicClerk and AgendaCenter, the two systems of CivicPlus."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from bs4 import BeautifulSoup

from clerk.errors import ClerkError
from clerk.fetching.fetcher_factory import get_fetcher
from clerk.fetching.titles import document_titles, packets
from clerk.jobs import Discard
from devtools.city_civicplus import Event, event, listing
from devtools.city_civicplus import portal as events_of
from devtools.city_papers import text_pdf
from devtools.city_site import Answer, CitySite, Request, as_json, page
from plugins.agendacenter.fetcher import meetings_of, read_meeting
from plugins.civicclerk.fetcher import CivicClerkFetcher, read_event
from tests.integration.fetching.conftest import TODAY, Fetch, ago, recorded, waiting


@pytest.fixture
def portal(city: CitySite) -> dict[str, list[Event]]:
    """Serve CivicClerk's portal; return what it holds."""
    held: dict[str, list[Event]] = {"events": []}
    city.routes["/v1/Events"] = lambda request: events_of(held["events"], city.url)(request)
    for number in range(1, 9):
        city.publish(f"/v1/Meetings/GetMeetingFileStream(fileId={number},plainText=false)", text_pdf(f"file {number}"))
    return held


@pytest.fixture
def extra(city: CitySite) -> dict[str, Any]:
    return {"tenant": "millbrook", "api_url": f"{city.url}/v1/", "limits": {"pause": 0, "patience": 0}}


def test_a_portal_is_read_to_its_last_reply(
    portal: dict[str, list[Event]], extra: dict[str, Any], fetch: Fetch, root: Path
) -> None:
    portal["events"] = [event(n, "Council", ago(30 - n), (n, "Minutes")) for n in range(1, 6)]
    assert len(fetch(scraper="civicclerk", extra=extra).fetched) == 5
    assert waiting(root)[0] == f"pdfs/Council/{ago(29)}.pdf"
    assert fetch(scraper="civicclerk", extra=extra).unchanged == 5


def test_every_agenda_is_kept_the_plain_one_first_and_notices_are_not_agendas(
    portal: dict[str, list[Event]], extra: dict[str, Any], fetch: Fetch, root: Path
) -> None:
    day = (TODAY + timedelta(days=3)).isoformat()
    portal["events"] = [
        event(1, "Council", day, (1, "Agenda Packet"), (2, "Agenda"), (3, "Notice"), (5, "Addendum"), (6, "Addendum")),
        event(2, "Zoning", day, (4, "Agenda Packet")),
    ]
    fetch(scraper="civicclerk", extra=extra)
    assert (root / f"_agendas/pdfs/Council/{day}.pdf").read_bytes() == text_pdf("file 2")
    assert (root / f"_agendas/pdfs/Zoning/{day}.pdf").read_bytes() == text_pdf("file 4")
    parts = [(root / f"_agendas/pdfs/Council/{day}.{number}.pdf").read_bytes() for number in (2, 3, 4)]
    assert parts == [text_pdf("file 1"), text_pdf("file 5"), text_pdf("file 6")]
    assert len(waiting(root)) == 5
    portal["events"][0] = event(1, "Council", day, (7, "Agenda"), (1, "Agenda Packet"), (5, "Addendum"))
    assert fetch(scraper="civicclerk", extra=extra).revised == [f"Council/{day} (agenda)"]


def test_two_meetings_of_a_body_on_one_day_and_a_corrected_file(
    portal: dict[str, list[Event]], extra: dict[str, Any], fetch: Fetch, root: Path
) -> None:
    portal["events"] = [event(1, "Council", ago(5), (1, "Minutes")), event(2, "Council", ago(5), (2, "Minutes"))]
    fetch(scraper="civicclerk", extra=extra)
    assert waiting(root) == [f"pdfs/Council/{ago(5)}.2.pdf", f"pdfs/Council/{ago(5)}.pdf"]
    portal["events"][1] = event(2, "Council", ago(5), (3, "Minutes"))
    assert fetch(scraper="civicclerk", extra=extra).revised == [f"Council/{ago(5)}.2 (minutes)"]


def test_an_event_that_cannot_be_read_costs_no_other(
    portal: dict[str, list[Event]], extra: dict[str, Any], fetch: Fetch
) -> None:
    whole = event(1, "Council", ago(5), (1, "Minutes"))
    changes = ({"id": None}, {"startDateTime": None}, {"publishedFiles": ["minutes"]})
    half = {
        **whole,
        "id": 2,
        "publishedFiles": [{"type": "Minutes"}, *event(2, "", ago(5), (2, "Minutes"))["publishedFiles"]],
    }
    portal["events"] = [*({**whole, **change} for change in changes), half, whole]
    assert len(fetch(scraper="civicclerk", extra=extra).fetched) == 2


def test_civictext_is_another_name_of_it() -> None:
    site = {"subdomain": "millbrook.ca", "scraper": "civictext", "extra": {"tenant": "millbrook"}}
    assert isinstance(get_fetcher(site), CivicClerkFetcher)


def test_recorded_events_are_understood() -> None:
    events = json.loads(recorded("civicclerk/events_lacey_future.json"))["value"]
    meetings = [read_event(event, "https://x/v1") for event in events]
    assert [(meeting.event_id, meeting.body, str(meeting.day), meeting.files) for meeting in meetings[:2]] == [
        ("1409", "City Council", "2027-01-26", ()),
        ("1396", "City Council", "2027-01-19", ()),
    ]


def test_an_agenda_center_is_searched_and_each_file_taken_once(city: CitySite, fetch: Fetch, root: Path) -> None:
    extra = {"base_url": f"{city.url}/", "limits": {"pause": 0}}
    rows: list[tuple[int, str, tuple[str, ...]]]
    rows = [(7, ago(9), ("Agenda", "Minutes")), (8, ago(9), ("Minutes",)), (9, ago(100), ("Minutes",))]
    city.routes["/AgendaCenter/Search/"] = page(listing(*rows, (10, "2024-02-30", ("Minutes",))))
    for number, day, kinds in rows:
        year, month, date = day.split("-")
        for kind in kinds:
            city.publish(f"/AgendaCenter/ViewFile/{kind}/_{month}{date}{year}-{number}", text_pdf(f"{kind} {number}"))
    report = fetch(scraper="agendacenter", extra=extra, all_agendas=True)
    assert waiting(root) == [
        f"_agendas/pdfs/BoardofCommissioners/{ago(9)}.pdf",
        f"pdfs/BoardofCommissioners/{ago(100)}.pdf",
        f"pdfs/BoardofCommissioners/{ago(9)}.2.pdf",
        f"pdfs/BoardofCommissioners/{ago(9)}.pdf",
    ]
    assert len(report.fetched) == len(city.paths("/AgendaCenter/ViewFile")) == 4
    asked = parse_qs(urlsplit(next(r.path for r in city.requests if "Search" in r.path)).query)
    assert asked["startDate"] == [f"01/01/{TODAY.year - 10}"]
    again = fetch(scraper="agendacenter", extra=extra, all_agendas=True)
    assert again.unchanged == 4
    assert len(city.paths("/AgendaCenter/ViewFile")) == 2  # recent minutes, whose changes nobody announces


def agenda_or_packet(request: Request) -> Answer:
    path = urlsplit(request.path)
    return Answer(text_pdf(f"{path.query or 'agenda'} {path.path[-1]}"))


def test_a_packet_is_a_further_file_of_the_agenda_wherever_it_is_listed(
    city: CitySite, fetch: Fetch, root: Path
) -> None:
    extra = {"base_url": f"{city.url}/", "limits": {"pause": 0}}
    rows: list[tuple[int, str, tuple[str, ...]]]
    rows = [(7, ago(9), ("AgendaPacket", "Agenda")), (8, ago(9), ("Agenda",)), (9, ago(3), ("AgendaPacket",))]
    city.routes["/AgendaCenter/Search/"] = page(listing(*rows))
    for number, day, _ in rows:
        year, month, date = day.split("-")
        city.routes[f"/AgendaCenter/ViewFile/Agenda/_{month}{date}{year}-{number}"] = agenda_or_packet
    fetch(scraper="agendacenter", extra=extra, all_agendas=True)
    folder = root / "_agendas/pdfs/BoardofCommissioners"
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {
        f"{ago(9)}.pdf": text_pdf("agenda 7"),
        f"{ago(9)}.2.pdf": text_pdf("agenda 8"),
        f"{ago(9)}.3.pdf": text_pdf("packet=true 7"),
        f"{ago(3)}.pdf": text_pdf("packet=true 9"),
    }
    place = ("agenda", "BoardofCommissioners", f"{ago(9)}.3")
    titles = document_titles(root)
    assert (titles[place], titles["agenda", place[1], ago(3)]) == ("Agenda packet", "Agenda packet")
    assert titles[*place[:2], ago(9)] == "Agenda"
    assert packets(root) == {place: (*place[:2], ago(9))}


def test_a_title_that_the_source_changed_is_the_new_one(
    portal: dict[str, list[Event]], extra: dict[str, Any], fetch: Fetch, root: Path
) -> None:
    for name in ("Draft", "Approved"):
        portal["events"] = [event(1, "Council", ago(5), (1, "Minutes"))]
        portal["events"][0]["publishedFiles"][0]["name"] = name
        fetch(scraper="civicclerk", extra=extra)
        assert document_titles(root) == {("minutes", "Council", ago(5)): name}
    (root / "fetch_state.json").write_text("{")
    assert document_titles(root) == {}


def test_a_website_without_an_agenda_center_is_an_error(city: CitySite, fetch: Fetch) -> None:
    city.routes["/AgendaCenter/Search/"] = page("<html>Welcome</html>")
    with pytest.raises(ClerkError, match="has no AgendaCenter"):
        fetch(scraper="agendacenter", extra={"base_url": city.url, "limits": {"pause": 0}})


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("search_nash_county_nc", [("382", "Board of Commissioners", "2020-05-05", ["agenda", "minutes"])]),
        (
            "alameda_water",
            [
                ("1447", "Engineering and Information Technology Committee", "2024-09-04", ["agenda"]),
                ("1448", "Operations and Water Quality Committee", "2024-09-03", ["agenda"]),
            ],
        ),
    ],
)
def test_recorded_pages_are_understood(name: str, found: list[tuple[str, str, str, list[str]]]) -> None:
    soup = BeautifulSoup(recorded(f"civicplus/agendacenter_{name}.html"), "html.parser")
    meetings = [read_meeting(links, "https://city.example/AgendaCenter/Search/") for links in meetings_of(soup)]
    assert [(m.event_id, m.body, str(m.day), [file.kind for file in m.files]) for m in meetings] == found
    assert meetings[0].files[0].version in ("Posted May 5, 2020 10:17 AM", "Posted Aug 30, 2024 10:49 AM")


LINK = '<tr><td><h4>Mar 4, 2024</h4><a href="/AgendaCenter/ViewFile/Minutes/_03042024-{number}">Minutes</a></td></tr>'


@pytest.mark.parametrize(
    "block",
    [
        '<div class="listing" id="cat{number}"><h3>{body}</h3><table>{link}</table></div>',
        '<div class="listing"><h2><span>&#9660;</span>{body}</h2><table>{link}</table></div>',
        "<div><h2>{body}</h2><table>{link}</table></div>",
        '<div><h2 role="button">{body}</h2><table>{link}</table></div>',
    ],
    ids=["category", "listing", "plain", "button"],
)
def test_the_heading_of_a_list_names_its_body(block: str) -> None:
    lists = "".join(
        block.format(number=number, body=body, link=LINK.format(number=number))
        for number, body in enumerate(("Planning Board", "Library Board"), start=4)
    )
    text = f'<div class="search"><h3>Search Agendas by:</h3></div>{lists}'
    links = meetings_of(BeautifulSoup(text, "html.parser"))
    found = [read_meeting(links_of_one, "https://city.example/") for links_of_one in links]
    assert [(meeting.event_id, meeting.body) for meeting in found] == [("4", "Planning Board"), ("5", "Library Board")]


def test_a_page_of_which_no_row_can_be_read_fails(city: CitySite, fetch: Fetch) -> None:
    city.routes["/AgendaCenter/Search/"] = page(listing((10, "2024-02-30", ("Minutes",))))
    with pytest.raises(Discard, match="cannot read any of the 1 rows"):
        fetch(scraper="agendacenter", extra={"base_url": city.url, "limits": {"pause": 0}})
    city.routes["/AgendaCenter/Search/"] = page("<html>AgendaCenter: no meetings</html>")
    assert fetch(scraper="agendacenter", extra={"base_url": city.url, "limits": {"pause": 0}}).fetched == []


def test_a_relative_link_to_the_next_reply_is_followed(
    portal: dict[str, list[Event]], extra: dict[str, Any], fetch: Fetch, city: CitySite
) -> None:
    first = {"value": [event(1, "Council", ago(5), (1, "Minutes"))], "@odata.nextLink": "Events?$skiptoken=2"}
    city.script["/v1/Events"] = [as_json(first), as_json({"value": [event(2, "Zoning", ago(5), (2, "Minutes"))]})]
    assert len(fetch(scraper="civicclerk", extra=extra).fetched) == 2
