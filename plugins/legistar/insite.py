"""Legistar's calendar pages, for people: ASP.NET, so every step posts back the state of the page before."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urljoin, urlsplit

from bs4 import BeautifulSoup

from clerk.fetching.listing import Kind, Meeting, PublishedFile, Window
from clerk.fetching.visitor import NotServed, Trouble, Visitor

if TYPE_CHECKING:
    from bs4 import Tag

#: Kind of document -> the end of its link's id, and the letter in View.ashx?M=…
VIEWS: dict[Kind, tuple[str, str]] = {"agenda": ("_hypAgenda", "A"), "minutes": ("_hypMinutes", "M")}

_POST_BACK = re.compile(r"__doPostBack\('([^']+)'")
_DAY = re.compile(r"\d{1,2}/\d{1,2}/\d{4}")

#: The most pages of one year; a pager that runs in a circle ends here.
_PAGES = 50


@dataclass(frozen=True, slots=True)
class InSite:
    """The calendar of one city at `url`."""

    visitor: Visitor
    url: str

    def meetings(self, window: Window) -> Iterator[Meeting]:
        """List the meetings of the window year by year, since "All" is not always obeyed."""
        page = self._page("GET")
        for year in window.years():
            page = self._page("POST", _choose_year(page, year))
            for _ in range(_PAGES):
                yield from read_calendar(page, self.url)
                target = next_page(page)
                if target is None:
                    break
                page = self._page("POST", _fields(page) | {"__EVENTTARGET": target, "__EVENTARGUMENT": ""})

    def _page(self, method: str, data: dict[str, str] | None = None) -> BeautifulSoup:
        response = self.visitor.request(method, self.url, data=data)
        if "/error.aspx" in str(response.url).lower() or not response.content:
            raise Trouble(f"{self.url} answered an error page", response=response)
        page = BeautifulSoup(response.text, "html.parser")
        if page.select_one("table.rgMasterTable") is None:
            raise NotServed(f"{self.url} is no Legistar calendar", response=response)
        return page


def read_calendar(page: BeautifulSoup, url: str) -> Iterator[Meeting]:
    """Read the rows of one page; a row without a day or without an id of its own is left out."""
    for row in page.select("table.rgMasterTable tr.rgRow, table.rgMasterTable tr.rgAltRow"):
        with suppress(ValueError):  # of 02/30/2024, or of a malformed address
            if (meeting := _read_row(row, url)) is not None:
                yield meeting


def next_page(page: BeautifulSoup) -> str | None:
    """Return what to post back for the page after this one; None on the last."""
    current = page.select_one("a.rgCurrentPage")
    following = current.find_next_sibling("a") if current else None
    found = _POST_BACK.search(str(following.get("href", ""))) if following else None
    return found[1] if found else None


def _read_row(row: Tag, url: str) -> Meeting | None:
    body = row.select_one('a[id$="_hypBody"]') or row.find("td")
    day = _DAY.search(" ".join(cell.get_text(" ", strip=True) for cell in row.find_all("td", recursive=False)[1:3]))
    links = [urljoin(url, str(link["href"])) for link in row.select("a[href]")]
    ids = [query["ID"][0] for link in links if "ID" in (query := _query(link)) and "Department" not in link]
    if body is None or day is None or not ids:
        return None
    name = " ".join(body.get_text(" ", strip=True).split()) or "Meeting"
    return Meeting(ids[0], name, datetime.strptime(day[0], "%m/%d/%Y").date(), tuple(_files(row, url)))


def _files(row: Tag, url: str) -> Iterator[PublishedFile]:
    """Find agenda and minutes by the id of the link, whatever the column is called, else by what it shows."""
    links = [(str(link.get("id", "")), urljoin(url, str(link["href"]))) for link in row.select("a[href]")]
    for kind, (ending, letter) in VIEWS.items():
        found = [link for name, link in links if name.endswith(ending)]
        found += [link for _, link in links if "/View.ashx" in link and _query(link).get("M") == [letter]]
        if found:
            yield PublishedFile(kind, found[0])


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
