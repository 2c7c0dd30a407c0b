"""Legistar's calendar pages, for the clients whose API is not for us."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from clerk.errors import ClerkError
from clerk.fetching.listing import PublishedFile
from clerk.jobs import Retry
from devtools.city_insite import row, server
from devtools.city_legistar import event
from devtools.city_papers import text_pdf
from devtools.city_site import CLIENT, Answer, CitySite, page
from plugins.legistar.insite import next_page, read_calendar
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
def test_an_api_that_is_not_for_us_is_asked_again_the_next_day(insite: CitySite, fetch: Fetch, answer: Answer) -> None:
    """Neither way costs what the other has told: a document that the API had is not asked for again."""
    extra = {**insite.extra, "calendar_url": f"{insite.url}{CALENDAR}"}
    day = ago(200)
    del insite.routes[f"/v1/{CLIENT}/events"]
    insite.events = [event(1, "Board", day, **publish(insite, 1, "Minutes", "Board", when=ago(100)))]
    assert fetch(extra=extra).fetched == [f"Board/{day} (minutes)"]
    insite.script[f"/v1/{CLIENT}/events"] = [answer] * (3 if answer.status == 500 else 1)
    assert len(fetch(extra=extra).fetched) == 3
    insite.events[0] |= publish(insite, 1, "Minutes", "Board, as amended", when=ago(0))
    assert fetch(extra=extra).revised == [f"Board/{day} (minutes)"]
    assert CALENDAR not in insite.paths()


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
    with pytest.raises(ClerkError, match="is no Legistar calendar"):
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
    found = list(read_calendar(soup, f"https://{name}.legistar.com/Calendar.aspx"))
    assert (len(found), found[0].body, found[0].day.year) == (meetings, first, 2019)
    assert len({meeting.event_id for meeting in found}) == meetings
    assert next_page(soup) is None
    # Next to nothing was published when the pages were recorded; what "not available" turns into is known.
    link = 'hypMinutes" href="https://x.legistar.com/View.ashx?M=M&amp;ID=1&amp;GUID=Y"'
    published = BeautifulSoup(text.replace('hypMinutes"', link, 1), "html.parser")
    files = [meeting.files for meeting in read_calendar(published, "https://x.legistar.com/Calendar.aspx")]
    assert files[0] == (PublishedFile("minutes", "https://x.legistar.com/View.ashx?M=M&ID=1&GUID=Y"),)
    assert [file.kind for meeting_files in files[1:] for file in meeting_files] == ["agenda"] * agendas
