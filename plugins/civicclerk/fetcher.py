"""The fetcher for CivicClerk: events by OData, reply by reply, and their files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

from clerk.fetching.listing import Kind, Meeting, PublishedFile, Window
from clerk.fetching.source import SourceFetcher
from clerk.fetching.visitor import Trouble

#: What files are called -> which kind they are, the better of two first.
NAMES: tuple[tuple[str, Kind], ...] = (("minutes", "minutes"), ("agenda", "agenda"), ("agenda packet", "agenda"))

#: Portals that lead in a circle end here.
_REPLIES = 2000


class CivicClerkFetcher(SourceFetcher):
    """Needs `tenant` in the site's extra; `api_url` where the API has an address of its own."""

    source = "civicclerk"

    def meetings(self, window: Window) -> Iterable[Meeting]:
        """List the window's events."""
        return self.read_rows(self._events(window), lambda event: read_event(event, self._base))

    def _events(self, window: Window) -> Iterator[Any]:
        """Follow the replies to the last: how many events one holds is the server's choice."""
        url = f"{self._base}/Events"
        params: dict[str, str] | None = {
            "$filter": f"startDateTime ge {window.start}T00:00:00Z and "
            f"startDateTime lt {window.end + timedelta(days=1)}T00:00:00Z",
            "$orderby": "startDateTime asc",
        }
        for _ in range(_REPLIES):
            reply = self._get(url, params)
            yield from reply["value"]
            if not reply.get("@odata.nextLink"):
                return
            url, params = reply["@odata.nextLink"], None

    @property
    def _base(self) -> str:
        return self.setting("api_url", self._standard_url).rstrip("/")

    def _standard_url(self) -> str:
        return f"https://{quote(self.setting('tenant'))}.api.civicclerk.com/v1"

    def _get(self, url: str, params: dict[str, str] | None) -> dict[str, Any]:
        response = self.visitor.request("GET", url, params=params, headers={"Accept": "application/json"})
        try:
            reply = response.json()
        except ValueError:
            reply = None
        if not isinstance(reply, dict) or not isinstance(reply.get("value"), list):
            raise Trouble(f"{url} answered something else than events", response=response)
        return reply


def read_event(event: Any, base: str) -> Meeting:
    """Read an event; its times are the wall clock's, in spite of their Z.

    One that lacks what makes a meeting raises AttributeError, KeyError, TypeError or ValueError.
    """
    body = event.get("categoryName") or event.get("eventCategoryName") or event.get("eventName") or "Meeting"
    day = date.fromisoformat(str(event.get("startDateTime") or event["eventDate"])[:10])
    return Meeting(str(int(event["id"])), str(body), day, tuple(_files(event.get("publishedFiles") or [], base)))


def _files(published: list[dict[str, Any]], base: str) -> Iterator[PublishedFile]:
    found: dict[Kind, dict[str, Any]] = {}
    for name, kind in NAMES:
        for file in published:
            if file.get("fileId") is not None and str(file.get("type", "")).strip().lower() == name:
                found.setdefault(kind, file)
    for kind, file in found.items():
        number = file["fileId"]
        url = f"{base}/Meetings/GetMeetingFileStream(fileId={number},plainText=false)"
        # A new upload gets a new number; publishing the same one again, a new time.
        yield PublishedFile(kind, url, f"{number} {file.get('publishOn') or ''}".strip())
