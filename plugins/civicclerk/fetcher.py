"""The fetcher for CivicClerk: events by OData, reply by reply, and their files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote, urljoin

from clerk.fetching.cleaning import clean
from clerk.fetching.listing import Kind, Meeting, PublishedFile, Window, parts_of
from clerk.fetching.source import SourceFetcher
from clerk.fetching.visitor import Trouble

#: Kind -> the types of its main file, the better first, and words in the types of all its files.
KINDS: dict[Kind, tuple[tuple[str, ...], re.Pattern[str]]] = {
    "minutes": (("minutes",), re.compile("minutes")),
    "agenda": (("agenda", "agenda packet"), re.compile("^(?!.*minutes).*(agenda|addend|packet)")),
}

#: Portals that lead in a circle end here.
_REPLIES = 2000


class CivicClerkFetcher(SourceFetcher):
    """Needs `tenant` in the site's extra; `api_url` where the API has an address of its own."""

    source = "civicclerk"

    def meetings(self, window: Window) -> Iterable[Meeting]:
        """List the window's events."""
        return self.read_rows(self._events(window), lambda event: read_event(event, self._base, self._portal))

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
            url, params = urljoin(url, str(reply["@odata.nextLink"])), None

    @property
    def _base(self) -> str:
        return self.setting("api_url", self._standard_url).rstrip("/")

    @property
    def _portal(self) -> str:
        """The portal for people; "" where only the address of the API is known."""
        tenant = self.extra.get("tenant")
        return f"https://{quote(tenant)}.portal.civicclerk.com" if isinstance(tenant, str) and tenant else ""

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


def read_event(event: Any, base: str, portal: str = "") -> Meeting:
    """Read an event of the API at `base`; its page is below `portal`.

    Its times are the wall clock's, in spite of their Z.

    One that lacks what makes a meeting raises AttributeError, KeyError, TypeError or ValueError.
    """
    body = event.get("categoryName") or event.get("eventCategoryName") or event.get("eventName") or "Meeting"
    day = date.fromisoformat(str(event.get("startDateTime") or event["eventDate"])[:10])
    number, files = str(int(event["id"])), tuple(_files(event.get("publishedFiles") or [], base))
    return Meeting(number, str(body), day, files, f"{portal}/event/{number}/files" if portal else "")


def _files(published: list[dict[str, Any]], base: str) -> Iterator[PublishedFile]:
    """Return every agenda and all minutes, the main file of a kind first, then the others in the portal's order."""
    for kind, (names, words) in KINDS.items():
        files = [file for file in published if file.get("fileId") is not None and words.search(_type(file))]
        main = [file for name in names for file in files if _type(file) == name]
        ordered = [*main[:1], *(file for file in files if file is not main[0])] if main else files
        yield from parts_of([_file(kind, file, base) for file in ordered])


def _type(file: dict[str, Any]) -> str:
    return clean(str(file.get("type", ""))).lower()


def _file(kind: Kind, file: dict[str, Any], base: str) -> PublishedFile:
    number = file["fileId"]
    url = f"{base}/Meetings/GetMeetingFileStream(fileId={number},plainText=false)"
    # A new upload gets a new number; publishing the same one again, a new time.
    version = f"{number} {file.get('publishOn') or ''}".strip()
    return PublishedFile(kind, url, version, part=_type(file), title=str(file.get("name") or file.get("type") or ""))
