"""The fetcher for AgendaCenter: one search page lists the meetings of every body."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from bs4 import BeautifulSoup

from clerk.fetching.listing import Kind, Meeting, PublishedFile, Window, parts_of
from clerk.fetching.source import SourceFetcher
from clerk.fetching.visitor import NotServed

if TYPE_CHECKING:
    from bs4 import Tag

_FILE = re.compile(r"/AgendaCenter/ViewFile/(Agenda|Minutes)/_(\d{8})-(\d+)$", re.IGNORECASE)
_LIST = re.compile(r"^cat\d+$")
_ASIDE = re.compile(r"^(search|tools)$")
_POSTED = re.compile(r"(?:Posted|Amended)\b.*", re.DOTALL)


class AgendaCenterFetcher(SourceFetcher):
    """Needs `base_url` in the site's extra: the city's website, such as https://www.nashcountync.gov."""

    source = "agendacenter"

    def meetings(self, window: Window) -> Iterable[Meeting]:
        """Search the window's meetings of all bodies; one page lists them."""
        base = self.setting("base_url").rstrip("/")
        query = _search(window.start, window.end)
        response = self.visitor.request("GET", f"{base}/AgendaCenter/Search/?{query}")
        page = BeautifulSoup(response.text, "html.parser")
        if "AgendaCenter" not in response.text:
            raise NotServed(f"{base} has no AgendaCenter", response=response)
        return self.read_rows(meetings_of(page), lambda links: read_meeting(links, str(response.url)))


def meetings_of(page: BeautifulSoup) -> Iterable[list[Tag]]:
    """Return the links to the files of each meeting; HTML versions of a file are left out."""
    meetings: dict[str, list[Tag]] = {}
    for link in page.select('a[href*="/ViewFile/"]'):
        parts = urlsplit(str(link["href"]))
        found = _FILE.search(parts.path)
        if not found or "html" not in _asked(parts.query):
            meetings.setdefault(found[3] if found else parts.path, []).append(link)
    return meetings.values()


def read_meeting(links: list[Tag], url: str) -> Meeting:
    """Read a meeting from the links to its files, each of which is there twice; ValueError for one without a day."""
    files: dict[Kind, dict[str, PublishedFile]] = {"agenda": {}, "minutes": {}}
    for link in links:
        parts = urlsplit(str(link["href"]))
        found = _FILE.search(parts.path)
        if found is None:
            raise ValueError("not the address of an agenda or minutes")
        number, day = found[3], datetime.strptime(found[2], "%m%d%Y").date()
        kind: Kind = "agenda" if found[1].lower() == "agenda" else "minutes"
        part = "packet" if "packet" in _asked(parts.query) else kind
        posted = _posted(link) if kind == "agenda" else None
        title = part.capitalize() if part == kind else f"{kind.capitalize()} packet"
        address = urljoin(url, str(link["href"]))
        files[kind].setdefault(part, PublishedFile(kind, address, posted, part=part, title=title))
    ordered = (sorted(of_kind.values(), key=lambda file: file.part == "packet") for of_kind in files.values())
    listed = tuple(file for of_kind in ordered for file in parts_of(of_kind))
    return Meeting(number, _body(links[0]), day, listed, urljoin(url, f"/AgendaCenter/Search/?{_search(day, day)}"))


def _search(start: date, end: date) -> str:
    """Return the query that lists the meetings from one day to another; there is no page about a single meeting."""
    days = {"startDate": f"{start:%m/%d/%Y}", "endDate": f"{end:%m/%d/%Y}"}
    return urlencode({"term": "", "CIDs": "all", **days, "dateRange": "", "dateSelector": ""})


def _asked(query: str) -> set[str]:
    """Return the names in the query of a file's address."""
    return {name.lower() for name in parse_qs(query, keep_blank_values=True)}


def _body(link: Tag) -> str:
    """Return the name of the list that contains a link: the heading that opens it, else the nearest above it."""
    lists = link.find_parents("div", id=_LIST) or link.find_parents("div", class_="listing")
    headings = [heading for heading in lists[0].find_all(["h2", "h3"]) if _heads_a_list(heading)] if lists else []
    heading = headings[0] if headings else link.find_previous(_heads_a_list)
    text = heading.get_text(" ", strip=True) if heading else ""
    return re.sub(r"^\W+", "", text) or "Meeting"


def _heads_a_list(tag: Tag) -> bool:
    """Return whether a tag is a heading, and not that of a row or of the search form."""
    return tag.name in ("h2", "h3") and tag.find_parent(["tr", "form"]) is None and not tag.find_parent(class_=_ASIDE)


def _posted(link: Tag) -> str | None:
    """Return when the row says that the agenda was posted or amended."""
    row = link.find_parent("tr")
    title = row.find(["h3", "h4"]) if row else None
    found = _POSTED.search(title.get_text(" ", strip=True)) if title else None
    return " ".join(found[0].split()) if found else None
