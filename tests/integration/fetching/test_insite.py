"""Legistar's calendar pages, for the clients whose API is not for us."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from clerk.errors import ClerkError
from clerk.fetching.listing import Meeting, PublishedFile
from clerk.jobs import Discard, Retry
from devtools.city_insite import row, server
from devtools.city_legistar import event
from devtools.city_papers import text_pdf
from devtools.city_site import CLIENT, Answer, CitySite, page
from plugins.legistar.insite import next_page, read_row, rows_of
from tests.integration.fetching.conftest import TODAY, Fetch, ago, publish, recorded, waiting

CALENDAR = "/Calendar.aspx"


@pytest.fixture
def insite(city: CitySite) -> CitySite:
    """Serve a calendar of two pages a year, and refuse the API."""
    last = TODAY.year - 1
    city.routes[f"/v1/{CLIENT}/events"] = page("no such client", 500)
    city.routes["/View.ashx"] = lambda request: Answer(text_pdf(request.path))
    city.routes[CALENDAR] = server(
        {
            last: [
                [row(1, "City Council", f"{last}-03-04", minutes=True)],
                [
                    row(2, "City Council", f"{last}-09-08", minutes=True),
                    row(3, "Zoning", f"{last}-10-10", minutes=False),
                    row(5, "Zoning", f"{last}-02-30", minutes=True),  # no day
                ],
            ],
            last - 3: [[row(4, "City Council", f"{last - 3}-05-06", minutes=True)]],
        }
    )
    return city


def test_the_calendar_is_read_year_by_year_and_page_by_page(insite: CitySite, fetch: Fetch, root: Path) -> None:
    extra = {**insite.extra, "calendar_url": f"{insite.url}{CALENDAR}"}
    report = fetch(extra=extra)
    last = TODAY.year - 1
    assert waiting(root) == [
        f"pdfs/CityCouncil/{last - 3}-05-06.pdf",
        f"pdfs/CityCouncil/{last}-03-04.pdf",
        f"pdfs/CityCouncil/{last}-09-08.pdf",
    ]
    assert len(report.fetched) == 3
    again = fetch(extra=extra)
    assert (again.fetched, again.revised) == ([], [])
    assert insite.paths("/View.ashx") == []


REFUSALS = [*(page("No", status) for status in (403, 500)), page("<html>Welcome</html>")]
BUSY = [*(page("Busy", status) for status in (429, 503)), Answer(status=500, headers={"Retry-After": "5000"})]


@pytest.mark.parametrize("answer", REFUSALS, ids=lambda answer: str(answer.status))
def test_a_failure_of_the_api_does_not_flip_a_site_to_another_numbering(
    insite: CitySite, fetch: Fetch, answer: Answer
) -> None:
    extra = {**insite.extra, "calendar_url": f"{insite.url}{CALENDAR}"}
    day = ago(200)
    del insite.routes[f"/v1/{CLIENT}/events"]
    insite.events = [event(1, "Board", day, **publish(insite, 1, "Minutes", "Board", when=ago(100)))]
    assert fetch(extra=extra).fetched == [f"Board/{day} (minutes)"]
    insite.script[f"/v1/{CLIENT}/events"] = [answer] * 3
    with pytest.raises(ClerkError):
        fetch(extra=extra)
    assert CALENDAR not in insite.paths()
    insite.script.clear()
    insite.events[0] |= publish(insite, 1, "Minutes", "Board, as amended", when=ago(0))
    assert fetch(extra=extra).revised == [f"Board/{day} (minutes)"]


@pytest.mark.parametrize("answer", REFUSALS, ids=lambda answer: str(answer.status))
def test_an_api_that_was_refused_at_first_is_not_turned_to_later(
    insite: CitySite, fetch: Fetch, answer: Answer
) -> None:
    extra = {**insite.extra, "calendar_url": f"{insite.url}{CALENDAR}"}
    insite.routes[f"/v1/{CLIENT}/events"] = answer
    assert len(fetch(extra=extra).fetched) == 3
    del insite.routes[f"/v1/{CLIENT}/events"]
    insite.events = [event(1, "Board", ago(200), **publish(insite, 1, "Minutes", "Board", when=ago(100)))]
    assert fetch(extra=extra).fetched == []
    assert fetch(extra={**extra, "mode": "api"}).fetched == [f"Board/{ago(200)} (minutes)"]


@pytest.mark.parametrize("answer", BUSY, ids=lambda answer: str(answer.status))
def test_an_api_that_is_busy_is_waited_for(insite: CitySite, fetch: Fetch, answer: Answer) -> None:
    insite.routes[f"/v1/{CLIENT}/events"] = answer
    with pytest.raises(Retry, match=f"HTTP {answer.status}"):
        fetch(extra={**insite.extra, "calendar_url": f"{insite.url}{CALENDAR}"})
    assert CALENDAR not in insite.paths()


def test_a_city_with_only_an_address_needs_nothing_else(insite: CitySite, fetch: Fetch) -> None:
    extra = {"calendar_url": f"{insite.url}{CALENDAR}", "limits": {"pause": 0}}
    assert len(fetch(extra=extra, start_date_str=f"{TODAY.year - 1}-01-01").fetched) == 2


def test_an_error_page_is_tried_again_later(insite: CitySite, fetch: Fetch) -> None:
    insite.routes[CALENDAR] = Answer(status=302, headers={"Location": "/Error.aspx"})
    insite.routes["/Error.aspx"] = page("An unexpected error")
    extra = {"calendar_url": f"{insite.url}{CALENDAR}", "limits": {"pause": 0}}
    with pytest.raises(Retry, match="error page"):
        fetch(extra=extra)


def test_a_page_that_is_no_calendar_is_an_error(insite: CitySite, fetch: Fetch) -> None:
    insite.routes[CALENDAR] = page("<html>Welcome</html>")
    with pytest.raises(ClerkError, match="is not a Legistar calendar"):
        fetch(extra={"calendar_url": f"{insite.url}{CALENDAR}", "limits": {"pause": 0}})


def test_a_recent_meeting_s_minutes_are_looked_at_again_though_nobody_announces_it(
    insite: CitySite, fetch: Fetch, root: Path
) -> None:
    day = TODAY - timedelta(days=10)
    insite.routes[CALENDAR] = server({day.year: [[row(9, "Council", ago(10), minutes=True)]]})
    extra = {"calendar_url": f"{insite.url}{CALENDAR}", "limits": {"pause": 0}}
    fetch(extra=extra)
    assert fetch(extra=extra).unchanged == 1
    insite.routes["/View.ashx"] = Answer(text_pdf("corrected"))
    assert len(fetch(extra=extra).revised) == 1


@pytest.mark.parametrize(
    ("name", "meetings", "first", "agendas"),
    [("chicago", 8, "City Council", 1), ("metro", 14, "Board of Directors - Regular Board Meeting", 0)],
)
def test_recorded_calendars_are_understood(name: str, meetings: int, first: str, agendas: int) -> None:
    text = recorded(f"legistar/insite_calendar_{name}.html")
    soup = BeautifulSoup(text, "html.parser")
    found = list(map(read_row, rows_of(soup, f"https://{name}.legistar.com/Calendar.aspx")))
    assert (len(found), found[0].body, found[0].day.year) == (meetings, first, 2019)
    assert len({meeting.event_id for meeting in found}) == meetings
    assert next_page(soup) is None
    # Next to nothing was published when the pages were recorded; what "not available" turns into is known.
    link = 'hypMinutes" href="https://x.legistar.com/View.ashx?M=M&amp;ID=1&amp;GUID=Y"'
    published = BeautifulSoup(text.replace('hypMinutes"', link, 1), "html.parser")
    files = [read_row(row).files for row in rows_of(published, "https://x.legistar.com/Calendar.aspx")]
    title = {"chicago": "summary", "metro": "recap/minutes"}[name]
    assert files[0] == (PublishedFile("minutes", "https://x.legistar.com/View.ashx?M=M&ID=1&GUID=Y", title=title),)
    assert [file.kind for meeting_files in files[1:] for file in meeting_files] == ["agenda"] * agendas


def grid(*rows: str, headings: tuple[str, ...] = (), name: str = "gridCalendar", pager: str = "") -> str:
    """Return a grid of a calendar page as text."""
    head = "".join(f"<th>{heading}</th>" for heading in headings)
    body = "".join(f'<tr class="rgRow">{row}</tr>' for row in rows)
    return (
        f'<table class="rgMasterTable" id="ctl00_{name}_ctl00"><thead><tr>{head}</tr></thead>'
        f'<tbody><tr class="rgPager"><td>{pager}</td></tr>{body}</tbody></table>'
    )


def read(*grids: str) -> list[Meeting]:
    """Read the calendar of a page."""
    return list(map(read_row, rows_of(BeautifulSoup("".join(grids), "html.parser"), "https://x.legistar.com/")))


def test_rows_are_read_by_their_headings() -> None:
    (meeting,) = read(
        grid(
            "<td>Room 2, since 1/1/1999</td><td>7:00 PM</td><td>3/4/2024</td><td>Zoning</td>"
            '<td><a href="View.ashx?M=AP&ID=5">Packet</a></td><td><a href="/notes.pdf">Notes</a></td>',
            headings=("Meeting Location", "Meeting Time", "Meeting Date", "Meeting Body", "ePacket", "Recap/Minutes"),
        )
    )
    assert (meeting.event_id, meeting.body, str(meeting.day)) == ("5", "Zoning", "2024-03-04")
    assert [(file.kind, file.url, file.title) for file in meeting.files] == [
        ("agenda", "https://x.legistar.com/View.ashx?M=AP&ID=5", "epacket"),
        ("minutes", "https://x.legistar.com/notes.pdf", "recap/minutes"),
    ]


def test_a_grid_without_a_column_for_the_body_is_read() -> None:
    row = '<td>3/{day}/2024</td><td>9:00 AM</td><td><a href="MeetingDetail.aspx?ID={day}">Details</a></td>'
    headings = ("Meeting Date", "Meeting Time", "Meeting Details")
    found = read(grid(row.format(day=4), row.format(day=5), headings=headings))
    assert [(meeting.event_id, meeting.body, meeting.day.day) for meeting in found] == [
        ("4", "Meeting", 4),
        ("5", "Meeting", 5),
    ]


@pytest.mark.parametrize(
    ("details", "identity"),
    [
        ('<a href="MeetingDetail.aspx?LEGID=43&GID=9">Details</a>', "LEGID 43"),
        ("Not available", "2024-03-04 7:00 PM Arts Board"),
    ],
)
def test_a_row_without_a_number_has_another_identity(details: str, identity: str) -> None:
    row = f'<td>Arts Board</td><td>3/4/2024</td><td>7:00 PM</td><td>{details}</td><td><a href="/a.pdf">Minutes</a></td>'
    (meeting,) = read(grid(row, headings=("Name", "Meeting Date", "Meeting Time", "Meeting Details", "Minutes")))
    assert meeting.event_id == identity
    assert [file.url for file in meeting.files] == ["https://x.legistar.com/a.pdf"]


def test_the_pager_and_the_rows_are_those_of_the_calendar() -> None:
    pager = """<a class="rgCurrentPage">1</a><a href="javascript:__doPostBack('{name}$2','')">2</a>"""
    row = '<td>Council</td><td>3/{day}/2024</td><td><a href="MeetingDetail.aspx?ID={day}">Details</a></td>'
    upcoming = grid(row.format(day=4), name="gridUpcomingMeetings", pager=pager.format(name="upcoming"))
    calendar = grid(row.format(day=5), pager=pager.format(name="calendar"))
    assert next_page(BeautifulSoup(upcoming + calendar, "html.parser")) == "calendar$2"
    last = grid(row.format(day=5), pager='<a class="rgCurrentPage">2</a>')
    assert next_page(BeautifulSoup(upcoming + last, "html.parser")) is None
    assert [meeting.event_id for meeting in read(upcoming, calendar)] == ["5"]


def test_every_file_of_a_kind_is_kept_with_its_title() -> None:
    (meeting,) = read(
        grid(
            '<td>Council</td><td>3/4/2024</td><td><a id="a_hypAgenda" href="View.ashx?M=A&ID=1">Agenda</a></td>'
            '<td><a href="View.ashx?M=AP&ID=1">Packet</a></td>'
            '<td><a href="/one.pdf">1</a> <a href="/two.pdf">2</a></td>',
            headings=("Name", "Meeting Date", "Agenda", "Agenda Packet", "Agenda Addenda"),
        )
    )
    assert [(file.part, file.title, file.url.rpartition("/")[2]) for file in meeting.files] == [
        ("", "agenda", "View.ashx?M=A&ID=1"),
        ("agenda packet", "agenda packet", "View.ashx?M=AP&ID=1"),
        ("agenda addenda", "agenda addenda", "one.pdf"),
        ("agenda addenda 2", "agenda addenda", "two.pdf"),
    ]


def test_each_row_that_cannot_be_read_is_counted_and_none_at_all_fails(insite: CitySite, fetch: Fetch) -> None:
    extra = {"calendar_url": f"{insite.url}{CALENDAR}", "limits": {"pause": 0}}
    assert fetch(extra=extra).left_out == 1
    insite.routes[CALENDAR] = page(grid("<td>Council</td><td>soon</td>", "<td>Zoning</td><td>later</td>"))
    with pytest.raises(Discard, match=r"cannot read any of the .* rows of its list: .*it has no date"):
        fetch(extra=extra)
