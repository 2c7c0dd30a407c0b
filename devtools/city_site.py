"""A city's website on localhost, as the real systems answer: Legistar-shaped and of our own, or replayed recordings.

Run it with `python -m devtools.city_site --port-file FILE` from the repository's root; it serves the invented
city of Millbrook to the scraper label "legistar" with the extra that `--help` shows.
"""

from __future__ import annotations

import argparse
import hashlib
import http.server
import json
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from devtools.city_legistar import Row, event, query
from devtools.city_papers import agenda, damaged_pdf, minutes, scanned_pdf, text_pdf

CLIENT = "millbrook"


@dataclass(frozen=True)
class Answer:
    """What the server says."""

    body: bytes = b""
    status: int = 200
    kind: str = "application/pdf"
    headers: dict[str, str] = field(default_factory=dict)


def page(text: str, status: int = 200) -> Answer:
    """Return a web page."""
    return Answer(text.encode(), status, "text/html; charset=utf-8")


def as_json(value: Any) -> Answer:
    """Return a JSON reply."""
    return Answer(json.dumps(value).encode(), kind="application/json; charset=utf-8")


@dataclass(frozen=True)
class Request:
    """What the server was asked."""

    method: str
    path: str  # with the query
    headers: dict[str, str]
    body: bytes
    status: int  # that it got


Route = Answer | Callable[[Request], Answer]


@dataclass
class CitySite:
    """The running server; what it answers may be changed at any time, what it was asked may be read."""

    url: str = ""
    routes: dict[str, Route] = field(default_factory=dict)  # path without query -> answer
    script: dict[str, list[Answer]] = field(default_factory=dict)  # path -> answers to give first, once each
    events: list[Row] = field(default_factory=list)  # of Legistar's API
    requests: list[Request] = field(default_factory=list)

    @property
    def extra(self) -> dict[str, Any]:
        """The extra of a site that is fetched from here by the label "legistar"."""
        return {"client": CLIENT, "api_url": f"{self.url}/v1/{CLIENT}", "limits": {"pause": 0, "patience": 0}}

    def paths(self, beginning: str = "") -> list[str]:
        """List the paths that were asked for, in turn."""
        return [path for request in self.requests if (path := urlsplit(request.path).path).startswith(beginning)]

    def publish(self, path: str, content: bytes | Callable[[], bytes]) -> str:
        """Serve a PDF, made when it is asked for if it is a function, and return its address."""
        self.routes[path] = (lambda _: Answer(content())) if callable(content) else Answer(content)
        return f"{self.url}{path}"

    def answer(self, request: Request) -> Answer:
        """Decide what to say."""
        parts = urlsplit(request.path)
        if waiting := self.script.get(parts.path):
            return waiting.pop(0)
        if (found := self.routes.get(parts.path)) is not None:
            return found(request) if callable(found) else found
        if parts.path == f"/v1/{CLIENT}/events":
            return as_json(query(self.events, parts.query))
        return page("Not found", 404)


class _Handler(http.server.BaseHTTPRequestHandler):
    site: CitySite
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # headers and body in one packet: else each answer waits for the client's acknowledgement

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        asked = Request(self.command, self.path, dict(self.headers), self.rfile.read(length), 0)
        answer = self.site.answer(asked)
        etag = f'"{hashlib.md5(answer.body).hexdigest()}"'
        fresh = answer.status == 200 and self.headers.get("If-None-Match") == etag
        status, body = (304, b"") if fresh else (answer.status, answer.body)
        self.site.requests.append(Request(asked.method, asked.path, asked.headers, asked.body, status))
        self.send_response(status)
        headers = {"Content-Type": answer.kind, "ETag": etag, "Content-Length": str(len(body)), **answer.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _serve  # noqa: N815 - the base class's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the requests are kept."""


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that hangs up once it has seen enough."""
        if not isinstance(sys.exception(), ConnectionError | ssl.SSLError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def serving(port: int = 0, *, tls: ssl.SSLContext | None = None) -> Iterator[CitySite]:
    """Serve an empty site on localhost for the length of a with block."""
    site = CitySite()
    handler = type("Handler", (_Handler,), {"site": site})
    server = _Server(("127.0.0.1", port), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    site.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


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
