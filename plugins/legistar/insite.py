"""Legistar's calendar pages, for people: ASP.NET, so every step posts back the state of the page before."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urljoin, urlsplit

from bs4 import BeautifulSoup

from clerk.fetching.listing import Kind, Meeting, PublishedFile, Window, parts_of
from clerk.fetching.visitor import NotServed, Trouble, Visitor

if TYPE_CHECKING:
    from bs4 import Tag

#: Kind of document -> the end of its link's id, the letter in View.ashx?M=…, and words of its column's heading.
VIEWS: dict[Kind, tuple[str, str, str]] = {
    "agenda": ("_hypAgenda", "A", "agenda|packet"),
    "minutes": ("_hypMinutes", "M", "minutes|recap|proceedings"),
}

#: Headings of the column with the body's name, in the order of preference.
_NAMES = ("name", "meeting body", "body", "department", "committee", "board", "meeting name", "title")

_POST_BACK = re.compile(r"__doPostBack\('([^']+)'")
_DAY = re.compile(r"\d{1,2}/\d{1,2}/\d{4}")
_TIME = re.compile(r"\d{1,2}:\d\d", re.ASCII)

#: The most pages of one year; a pager that runs in a circle ends here.
_PAGES = 50


@dataclass(frozen=True, slots=True)
class InSite:
    """The calendar of one city at `url`."""

    visitor: Visitor
    url: str

    def rows(self, window: Window) -> Iterator[Row]:
        """List the rows of the window year by year, since "All" is not always obeyed."""
        page = self._page("GET")
        for year in window.years():
            page = self._page("POST", _choose_year(page, year))
            for _ in range(_PAGES):
                yield from rows_of(page, self.url)
                target = next_page(page)
                if target is None:
                    break
                page = self._page("POST", _fields(page) | {"__EVENTTARGET": target, "__EVENTARGUMENT": ""})

    def _page(self, method: str, data: dict[str, str] | None = None) -> BeautifulSoup:
        response = self.visitor.request(method, self.url, data=data)
        if "/error.aspx" in str(response.url).lower() or not response.content:
            raise Trouble(f"{self.url} answered an error page", response=response)
        page = BeautifulSoup(response.text, "html.parser")
        if _grid(page) is None:
            raise NotServed(f"{self.url} is not a Legistar calendar", response=response)
        return page


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a calendar: its cells by the headings of their columns, in lower case; empty without headings."""

    tag: Tag
    url: str
    headings: tuple[str, ...]

    def cells(self) -> list[tuple[str, Tag]]:
        """Return each cell with its heading, "" for one without."""
        cells = self.tag.find_all("td", recursive=False)
        return list(zip([*self.headings, *[""] * len(cells)], cells, strict=False))

    def links(self) -> list[tuple[str, str, str]]:
        """Return (heading of the column, id of the link, address) of each link."""
        return [
            (heading, str(link.get("id", "")), urljoin(self.url, str(link["href"])))
            for heading, cell in self.cells()
            for link in cell.select("a[href]")
        ]


def rows_of(page: BeautifulSoup, url: str) -> Iterator[Row]:
    """Return the rows of the calendar on a page."""
    grid = _grid(page)
    if grid is not None:
        heads = [row.find_all("th", recursive=False) for row in grid.select("tr")]
        texts = [" ".join(cell.get_text(" ").lower().split()) for cell in max(heads, key=len, default=[])]
        yield from (Row(row, url, tuple(texts)) for row in grid.select("tr.rgRow, tr.rgAltRow"))


def next_page(page: BeautifulSoup) -> str | None:
    """Return what to post back for the next page of the calendar; None on the last."""
    grid = _grid(page)
    current = grid.select_one("a.rgCurrentPage") if grid else None
    following = current.find_next_sibling("a") if current else None
    found = _POST_BACK.search(str(following.get("href", ""))) if following else None
    return found[1] if found else None


def read_row(row: Row) -> Meeting:
    """Read a row of a calendar; ValueError for one without a day."""
    day = _day(row)
    body = _body(row)
    return Meeting(_identity(row, body, day), body, day, tuple(_files(row)), _page(row))


def _grid(page: BeautifulSoup) -> Tag | None:
    """Return the calendar among the tables of a page: the upcoming meetings above it are in it too."""
    tables = page.select("table.rgMasterTable")
    named = [table for table in tables if "gridCalendar" in str(table.get("id", ""))]
    inside = [table for table in tables if table.find_parent(id=re.compile("gridCalendar"))]
    return next(iter(named or inside or tables), None)


def _day(row: Row) -> date:
    """Return the day in the column of dates, else in the first cell that is a date."""
    cells = [(heading, cell.get_text(" ", strip=True)) for heading, cell in row.cells()]
    dated = [_DAY.search(text) for heading, text in cells if "date" in heading]
    found = next(filter(None, [*dated, *(_DAY.match(text) for _, text in cells)]), None)
    if found is None:
        raise ValueError("it has no date")
    return datetime.strptime(found[0], "%m/%d/%Y").date()


def _body(row: Row) -> str:
    """Return the body's name, by the id of its link, by its heading, else from the first cell."""
    link = row.tag.select_one('a[id$="_hypBody"]')
    if link is not None:
        return link.get_text(" ", strip=True)
    texts = {heading: cell.get_text(" ", strip=True) for heading, cell in row.cells()}
    if any(row.headings):
        return next((texts[name] for name in _NAMES if texts.get(name)), "Meeting")
    first = next(iter(texts.values()), "")
    return "Meeting" if _DAY.match(first) else first


def _identity(row: Row, body: str, day: date) -> str:
    """Return the meeting's number in the addresses of its pages and files, else what the row says of it."""
    queries = [_query(link) for _, _, link in row.links() if "Department" not in link]
    numbers = [query["ID"][0] for query in queries if "ID" in query]
    newer = [f"LEGID {query['LEGID'][0]}" for query in queries if "LEGID" in query]
    times = [cell.get_text(" ", strip=True) for _, cell in row.cells() if _TIME.match(cell.get_text(" ", strip=True))]
    return next(iter(numbers + newer), None) or " ".join([day.isoformat(), *times[:1], body])


def _page(row: Row) -> str:
    """Return the address of the meeting's page, "" without one."""
    return next((link for _, _, link in row.links() if "/MeetingDetail.aspx" in link), "")


def _files(row: Row) -> Iterator[PublishedFile]:
    """Find agendas and minutes by the ids of their links, their addresses, and the headings of their columns."""
    for kind, (ending, letter, words) in VIEWS.items():
        found = [(heading, link) for heading, name, link in row.links() if name.endswith(ending)]
        found += [(heading, link) for heading, _, link in row.links() if _views(link) == letter]
        found += [(heading, link) for heading, _, link in row.links() if re.search(words, heading) and _is_file(link)]
        titles = {link: heading for heading, link in found}
        yield from parts_of([PublishedFile(kind, link, title=title) for link, title in titles.items()])


def _views(link: str) -> str:
    """Return the letter of what an address of View.ashx shows, "" for another address."""
    return _query(link).get("M", [""])[0] if "/View.ashx" in link else ""


def _is_file(link: str) -> bool:
    """Return whether an address leads to a document, not to a page or a calendar's entry."""
    path = urlsplit(link).path.lower()
    return path.endswith(".pdf") or _views(link) not in ("", "IC")


def _query(link: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(link).query)


def _fields(page: BeautifulSoup) -> dict[str, str]:
    """Return the state of the page, which the next request has to carry."""
    inputs = page.select('input[type="hidden"][name]')
    return {str(field["name"]): str(field.get("value", "")) for field in inputs}


def _choose_year(page: BeautifulSoup, year: int) -> dict[str, str]:
    """Return what choosing a year in the list would post; its name differs from city to city."""
    box = page.select_one('input[name$="lstYears"]')
    target = str(box["name"]) if box else "ctl00$ContentPlaceHolder1$lstYears"
    state = f"{target.replace('$', '_')}_ClientState"
    return _fields(page) | {"__EVENTTARGET": target, "__EVENTARGUMENT": "", state: json.dumps({"value": str(year)})}
