"""A city's website on localhost, as the real systems answer: Legistar-shaped and of our own, or replayed recordings.

Run it with `python -m devtools.city_site --port-file FILE` from the repository's root; it serves the invented
city of Millbrook to the scraper label "legistar" with the extra that `--help` shows.
"""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from clerk_tasks.testing.website import Reply as Answer
from clerk_tasks.testing.website import Request, Website, as_json, page
from devtools.city_legistar import Row, event, query
from devtools.city_papers import agenda, damaged_pdf, minutes, scanned_pdf, text_pdf

__all__ = ["CLIENT", "Answer", "CitySite", "Request", "as_json", "fill", "page", "serving"]

CLIENT = "millbrook"


@dataclass
class CitySite(Website):
    """A website that also has Legistar's API; `events` are its rows."""

    events: list[Row] = field(default_factory=list)

    @property
    def extra(self) -> dict[str, Any]:
        """The extra of a site that is fetched from here by the label "legistar"."""
        return {"client": CLIENT, "api_url": f"{self.url}/v1/{CLIENT}", "limits": {"pause": 0, "patience": 0}}

    def publish(self, path: str, content: bytes | Callable[[], bytes]) -> str:  # type: ignore[override]
        """Serve a PDF, made when it is asked for if it is a function, and return its address."""
        return super().publish(path, (lambda _: Answer(content())) if callable(content) else Answer(content))

    def answer(self, request: Request) -> Answer:
        """Answer as a website, and for the API."""
        parts = urlsplit(request.path)
        if parts.path == f"/v1/{CLIENT}/events" and not (self.script.get(parts.path) or parts.path in self.routes):
            return as_json(query(self.events, parts.query))
        return super().answer(request)


serving = CitySite.serving


BODIES = ("City Council", "Planning Commission", "Parks & Recreation Commission")
DECISIONS = (
    "The council approved the heron bridge contract in the amount of 412,000 dollars.",
    "The commission adopted the bicycle parking ordinance on a vote of five to two.",
    "The commission accepted the report on the drinking fountain of Alder Park.",
    "The council declared a surplus fire engine and ordered its sale by auction.",
    "A resident asked for a crosswalk at Mill Street; staff will report in spring.",
)


def fill(site: CitySite, *, meetings: int = 12, today: date | None = None) -> None:
    """Give the city some history: a meeting a week, the last one to come; one scan, one damaged, one never served."""
    today = today or date.today()
    makers: dict[int, Callable[..., bytes]] = {1: scanned_pdf, 2: damaged_pdf}
    for number in range(meetings):
        body, day = BODIES[number % len(BODIES)], today + timedelta(days=7 * (number + 2 - meetings))
        row = event(1000 + number, body, day.isoformat())
        said = [DECISIONS[number % len(DECISIONS)], DECISIONS[(number * 2 + 1) % len(DECISIONS)]]
        paper = partial(text_pdf, *agenda(body, day.isoformat(), said))
        row |= _published(site, "Agenda", f"/files/{number}_A.pdf", paper, day - timedelta(days=4))
        if day < today:
            paper = partial(makers.get(number, text_pdf), *minutes(body, day.isoformat(), said))
            row |= _published(site, "Minutes", f"/files/{number}_M.pdf", paper, min(day + timedelta(days=20), today))
        site.events.append(row)
    if meetings > 3:
        site.routes["/files/3_M.pdf"] = page("<html>The file is being prepared.</html>")


def _published(site: CitySite, kind: str, path: str, content: Callable[[], bytes], day: date) -> Row:
    return {f"Event{kind}File": site.publish(path, content), f"Event{kind}LastPublishedUTC": f"{day}T16:28:16.1"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve Millbrook until stopped; the port is in `--port-file` once the server answers."""
    extra = json.dumps(CitySite(url="http://127.0.0.1:PORT").extra)
    parser = argparse.ArgumentParser(description="The city of Millbrook.", epilog=f"extra: {extra}".replace("%", "%%"))
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--meetings", type=int, default=12, help="how many")
    options = parser.parse_args(arguments)
    with serving(options.port) as site:
        fill(site, meetings=options.meetings)
        unfinished = options.port_file.with_name(options.port_file.name + ".tmp")
        unfinished.write_text(site.url.rpartition(":")[2])
        unfinished.replace(options.port_file)
        threading.Event().wait()


if __name__ == "__main__":
    main()
