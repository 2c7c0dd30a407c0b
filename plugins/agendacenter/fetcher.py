"""The fetcher for AgendaCenter: one search page lists the meetings of every body."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from bs4 import BeautifulSoup

from clerk.fetching.listing import Kind, Meeting, PublishedFile, Window
from clerk.fetching.source import SourceFetcher
from clerk.fetching.visitor import NotServed

if TYPE_CHECKING:
    from bs4 import Tag

_FILE = re.compile(r"/AgendaCenter/ViewFile/(Agenda|Minutes)/_(\d{8})-(\d+)$", re.IGNORECASE)
_POSTED = re.compile(r"(?:Posted|Amended)\b.*", re.DOTALL)


class AgendaCenterFetcher(SourceFetcher):
    """Needs `base_url` in the site's extra: the city's website, such as https://www.nashcountync.gov."""

    source = "agendacenter"

    def meetings(self, window: Window) -> Iterable[Meeting]:
        """Search the window's meetings of all bodies; one page lists them."""
        base = self.setting("base_url").rstrip("/")
        params = {
            "term": "",
            "CIDs": "all",
            "startDate": f"{window.start:%m/%d/%Y}",
            "endDate": f"{window.end:%m/%d/%Y}",
            "dateRange": "",
            "dateSelector": "",
        }
        response = self.visitor.request("GET", f"{base}/AgendaCenter/Search/", params=params)
        page = BeautifulSoup(response.text, "html.parser")
        if "AgendaCenter" not in response.text:
            raise NotServed(f"{base} has no AgendaCenter", response=response)
        return read_page(page, str(response.url))


def read_page(page: BeautifulSoup, url: str) -> Iterator[Meeting]:
    """Read the meetings of a page; each file is linked twice, and as a packet and as HTML besides."""
    rows: dict[str, Meeting] = {}
    for link in page.select('a[href*="/ViewFile/"]'):
        found = _FILE.search(str(link["href"]))
        day = _day(found[2]) if found else None
        if found is None or day is None:
            continue
        kind: Kind = "agenda" if found[1].lower() == "agenda" else "minutes"
        meeting = rows.get(found[3]) or Meeting(found[3], _body(link), day)
        if kind not in {file.kind for file in meeting.files}:
            file = PublishedFile(kind, urljoin(url, str(link["href"])), _posted(link) if kind == "agenda" else None)
            meeting = replace(meeting, day=day, files=(*meeting.files, file))
        rows[found[3]] = meeting
    yield from rows.values()


def _day(text: str) -> date | None:
    """Return the day of a link's name; None if there is no such day."""
    try:
        return datetime.strptime(text, "%m%d%Y").date()
    except ValueError:
        return None


def _body(link: Tag) -> str:
    """Return the name of the list that a link stands in: its heading is the one that opens and closes it."""
    heading = link.find_previous(
        lambda tag: tag.name in ("h2", "h3") and (tag.has_attr("onclick") or tag.get("role") == "button")
    )
    text = heading.get_text(" ", strip=True) if heading else ""
    return re.sub(r"^\W+", "", text) or "Meeting"


def _posted(link: Tag) -> str | None:
    """Return when the row says that the agenda was posted or amended."""
    row = link.find_parent("tr")
    title = row.find(["h3", "h4"]) if row else None
    found = _POSTED.search(title.get_text(" ", strip=True)) if title else None
    return " ".join(found[0].split()) if found else None
