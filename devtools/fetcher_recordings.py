"""Record a fetch of the invented city by each shipped fetcher: `python -m devtools.fetcher_recordings`.

Each is as `clerk-tasks sites record` makes it; the city is then given an address that does not change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import time_machine

from clerk.testing import Harness
from clerk_tasks.operations.recordings import record_site
from devtools import city_civicplus, city_insite
from devtools.city_papers import text_pdf
from devtools.city_site import CLIENT, Answer, CitySite, fill, page, serving

SITE = "millbrook.ca"
FOLDER = Path(__file__).parents[1] / "tests" / "recordings"
#: When the recordings are made, and since when the city is fetched.
NOW, SINCE = datetime(2026, 3, 10, 20, tzinfo=UTC), "2026-01-01"

#: The address of the city in its recordings.
ADDRESS = f"https://www.{CLIENT}.example"


def legistar_api(city: CitySite) -> dict[str, Any]:
    """Serve Legistar's API, and a file that is being prepared."""
    fill(city, meetings=6, today=date(2026, 3, 10))
    return {"client": CLIENT, "api_url": f"{city.url}/v1/{CLIENT}"}


def legistar_insite(city: CitySite) -> dict[str, Any]:
    """Serve Legistar's calendar pages, and an API that is for others."""
    city.routes[f"/v1/{CLIENT}/events"] = page("no such client", 500)
    city.routes["/View.ashx"] = lambda request: Answer(text_pdf(request.path))
    first = [city_insite.row(1, "City Council", "2026-01-06", minutes=True)]
    second = [
        city_insite.row(2, "City Council", "2026-02-03", minutes=True),
        city_insite.row(3, "Planning Commission", "2026-02-10", minutes=False),
    ]
    city.routes["/Calendar.aspx"] = city_insite.server({2026: [first, second]})
    return {"api_url": f"{city.url}/v1/{CLIENT}", "calendar_url": f"{city.url}/Calendar.aspx"}


def civicclerk(city: CitySite) -> dict[str, Any]:
    """Serve CivicClerk's portal, which needs two replies for three events."""
    event = city_civicplus.event
    held = [
        event(1, "City Council", "2026-02-03", (1, "Agenda"), (2, "Minutes")),
        event(2, "City Council", "2026-02-03", (3, "Minutes")),
        event(3, "Zoning Board", "2026-03-12", (4, "Agenda Packet"), (5, "Agenda"), (6, "Notice")),
    ]
    city.routes["/v1/Events"] = city_civicplus.portal(held, city.url)
    for number in range(1, 7):
        city.publish(f"/v1/Meetings/GetMeetingFileStream(fileId={number},plainText=false)", text_pdf(f"file {number}"))
    return {"tenant": CLIENT, "api_url": f"{city.url}/v1"}


def agendacenter(city: CitySite) -> dict[str, Any]:
    """Serve AgendaCenter's search, with a packet, and a row whose day does not exist."""
    rows = [
        (7, "2026-02-03", ("Agenda", "Minutes")),
        (8, "2026-03-12", ("Agenda", "AgendaPacket")),
        (9, "2026-02-30", ("Minutes",)),
    ]
    city.routes["/AgendaCenter/Search/"] = page(city_civicplus.listing(*rows))
    for file in ("Agenda/_02032026-7", "Minutes/_02032026-7", "Agenda/_03122026-8"):
        city.routes[f"/AgendaCenter/ViewFile/{file}"] = lambda request: Answer(text_pdf(request.path))
    return {"base_url": city.url}


CITIES: Mapping[str, tuple[str, Callable[[CitySite], dict[str, Any]]]] = {
    "legistar_api": ("legistar", legistar_api),
    "legistar_insite": ("legistar", legistar_insite),
    "civicclerk": ("civicclerk", civicclerk),
    "agendacenter": ("agendacenter", agendacenter),
}


def record(name: str, folder: Path) -> Path:
    """Record one of the cities; return the file."""
    scraper, serve = CITIES[name]
    with serving() as city, Harness() as harness, time_machine.travel(NOW):
        harness.add_site(SITE, scraper=scraper, start_year=2026, extra=serve(city) | {"limits": {"pause": 0}})
        made = Path(record_site(SITE, folder, since=SINCE)["path"])
        path = made.rename(folder / f"{name}.yaml")
        path.write_text(path.read_text().replace(city.url, ADDRESS))
    return path


if __name__ == "__main__":
    for each in CITIES:
        print(record(each, FOLDER))  # noqa: T201
