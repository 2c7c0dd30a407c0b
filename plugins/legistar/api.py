"""Legistar's Web API: OData queries, a thousand rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from clerk.fetching.listing import Kind, Meeting, PublishedFile, Window
from clerk.fetching.visitor import Trouble, Visitor

#: The most rows that one reply holds.
PAGE = 1000

#: What moves when something is published for a meeting, however long ago that took place.
CHANGES = ("EventLastModifiedUtc", "EventAgendaLastPublishedUTC", "EventMinutesLastPublishedUTC")

#: Kind of document -> the columns of its address and of when it was published.
FILES: dict[Kind, tuple[str, str]] = {
    "agenda": ("EventAgendaFile", "EventAgendaLastPublishedUTC"),
    "minutes": ("EventMinutesFile", "EventMinutesLastPublishedUTC"),
}


@dataclass(frozen=True, slots=True)
class WebApi:
    """The API of one client at `base`; some clients want a token."""

    visitor: Visitor
    base: str
    token: str | None = None

    def probe(self) -> None:
        """Ask for one row; raises NotServed or Trouble if the API is not for us."""
        self._get({"$top": "1"})

    def rows(self, window: Window) -> Iterator[Any]:
        """List the meetings of the window, then earlier ones for which something has changed; see `read_event`."""
        yield from self._query(_between(window.start, window.end))
        if window.changed_since is not None:
            since = window.changed_since.strftime("%Y-%m-%dT%H:%M:%S")
            changed = " or ".join(f"{column} ge datetime'{since}'" for column in CHANGES)
            yield from self._query(f"{_between(window.earliest, window.start)} and ({changed})")

    def _query(self, condition: str) -> Iterator[Any]:
        """Page by $skip until a reply brings nothing new; without $orderby rows are repeated and left out."""
        seen: set[str] = set()
        options = {"$filter": condition, "$orderby": "EventDate,EventId", "$top": str(PAGE)}
        skip = 0
        while rows := self._get({**options, "$skip": str(skip)}):
            new = [row for row in rows if _identity(row) not in seen]
            seen.update(map(_identity, new))
            yield from new
            if not new:
                return
            skip += len(rows)

    def _get(self, options: dict[str, str]) -> list[Any]:
        params = options | ({"token": self.token} if self.token else {})
        response = self.visitor.request(
            "GET", f"{self.base}/events", params=params, headers={"Accept": "application/json"}
        )
        try:
            rows = response.json()
        except ValueError:
            rows = None
        if not isinstance(rows, list):
            raise Trouble(f"{self.base}/events answered something else than rows", response=response)
        return rows


def read_event(row: Any) -> Meeting:
    """Read a row of /events; its date is the local one, whatever the format suggests.

    A row that lacks what makes a meeting raises KeyError, TypeError or ValueError.
    """
    files = [
        PublishedFile(kind, row[address], row.get(published) or row.get("EventLastModifiedUtc"))
        for kind, (address, published) in FILES.items()
        if isinstance(row.get(address), str) and row[address]
    ]
    body = str(row.get("EventBodyName") or "Meeting")
    day, url = date.fromisoformat(row["EventDate"][:10]), row.get("EventInSiteURL")
    return Meeting(str(int(row["EventId"])), body, day, tuple(files), url if isinstance(url, str) else "")


def _identity(row: Any) -> str:
    return str(row.get("EventId")) if isinstance(row, dict) else repr(row)


def _between(start: date, end: date) -> str:
    return f"EventDate ge datetime'{start}' and EventDate lt datetime'{end + timedelta(days=1)}'"
