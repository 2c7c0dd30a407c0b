"""CivicClerk's API and AgendaCenter's search pages as they answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from devtools.city_site import Answer, Request, as_json

Event = dict[str, Any]


def event(number: int, body: str, day: str, *files: tuple[int, str]) -> Event:
    """Return an event of CivicClerk; `files` are numbers and types."""
    return {
        "id": number,
        "categoryName": body,
        "eventName": f"{body} Worksession",
        "startDateTime": f"{day}T23:30:00Z",  # the wall clock's, so this day whatever the zone
        "publishedFiles": [{"fileId": file, "type": kind, "publishOn": f"{day}T00:00:00Z"} for file, kind in files],
    }


def portal(held: Sequence[Event], url: str) -> Callable[[Request], Answer]:
    """Answer as the portal at `url`, which gives two events a reply, whatever is asked for."""

    def events(request: Request) -> Answer:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}
        skip = int(asked.get("$skiptoken", 0))
        if not skip:
            assert asked["$orderby"] == "startDateTime asc"
            assert asked["$filter"].startswith("startDateTime ge ")
        more = {"@odata.nextLink": f"{url}/v1/Events?$skiptoken={skip + 2}"} if skip + 2 < len(held) else {}
        return as_json({"value": held[skip : skip + 2], **more})

    return events


def path_of(kind: str, file: str) -> str:
    """Return the path of an agenda, minutes, a packet or an HTML version below ViewFile."""
    query = {"AgendaPacket": "?packet=true", "AgendaHtml": "?html=true"}
    return f"{'Agenda' if kind in query else kind}/{file}{query.get(kind, '')}"


def listing(*rows: tuple[int, str, tuple[str, ...]]) -> str:
    """Return a search page: number, day, and the kinds of files that each meeting has; agendas also as HTML."""

    def link(kind: str, number: int, day: str) -> str:
        year, month, date = day.split("-")
        return f'<a href="/AgendaCenter/ViewFile/{path_of(kind, f"_{month}{date}{year}-{number}")}">{kind}</a>'

    body = "".join(
        f"<tr><td><h4>Posted <abbr>May</abbr> 5, 2020</h4>{''.join(link(kind, number, day) * 2 for kind in kinds)}"
        f"{link('AgendaHtml', number, day)}"
        f"<a href='/AgendaCenter/PreviousVersions/_{number}'>old</a></td></tr>"
        for number, day, kinds in rows
    )
    return (
        f'<div id="cat1"><h2 onclick="x()"><span>&#9660;</span>Board of Commissioners</h2><table>{body}</table></div>'
    )
