"""NetFile's searches on localhost, with what goes wrong with them: Connect2, and the API of the public pages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from clerk_tasks.testing.website import in_thread


@dataclass
class SearchSite:
    """What the server holds, and how it misbehaves; what it was asked may be read."""

    url: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)  # in Connect2's words, with the number of the type
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)  # by filing
    agencies: list[dict[str, Any]] = field(default_factory=lambda: [{"id": 0, "shortcut": "XELM", "name": "Elm"}])
    requests: list[str] = field(default_factory=list)
    user_agents: set[str] = field(default_factory=set)
    page_size: int = 1000
    said_total: int | None = None  # a total that is not true
    lost_once: str | None = None  # the id of a row that the first walk misses
    failing: set[str] = field(default_factory=set)  # paths that answer status 500
    empty_with_200: bool = False

    def connect2(self, path: str, query: dict[str, Any]) -> Any:
        """Answer a request to Connect2."""
        if path.endswith("/agencies.json"):
            return {"agencies": self.agencies, "responseStatus": None}
        if path.endswith("/list/filing"):
            return {"filings": [{"id": filing} for filing in sorted(self.facts, reverse=True)][:1]}
        if "/filing/info/" in path:
            return self.facts.get(path.rpartition("/")[2])
        if self.empty_with_200:
            return {"results": None, "responseStatus": {"errorCode": "SqlException", "message": "timeout"}}
        right = query["Agency"] == self.agencies[0]["id"]
        found = [row for row in self.rows if right and row["transactionType"] == query["TransactionType"]]
        return {"results": self._cut(found, query["CurrentPageIndex"]), "totalMatchingCount": self._total(found)}

    def portal(self, path: str, query: dict[str, Any]) -> Any:
        """Answer a request to the API of the public pages."""
        if path.endswith("/filings/byDate"):
            filings = [{"id": filing, **facts} for filing, facts in sorted(self.facts.items())]
            return {"filings": self._cut(filings, int(query["page"]) - 1), "totalCount": 0}
        if "/byId/" in path:
            return {"id": path.rpartition("/")[2], "formName": None}
        return {"items": self._cut(self.rows, int(query["currentPage"]) - 1), "totalCount": self._total(self.rows)}

    def _cut(self, found: list[dict[str, Any]], page: int) -> list[dict[str, Any]]:
        rows = found[page * self.page_size : (page + 1) * self.page_size]
        if any(row["id"] == self.lost_once for row in rows):
            rows, self.lost_once = [row for row in rows if row["id"] != self.lost_once], None
        return rows

    def _total(self, found: list[dict[str, Any]]) -> int:
        return len(found) if self.said_total is None else self.said_total


class _Handler(BaseHTTPRequestHandler):
    site: SearchSite
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self._answer(parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()})

    def do_POST(self) -> None:
        self._answer(self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, path: str, query: dict[str, Any]) -> None:
        self.site.requests.append(path)
        self.site.user_agents.add(self.headers["User-Agent"])
        make = self.site.connect2 if path.startswith("/connect2") else self.site.portal
        status, content = (500, {}) if path in self.site.failing else (200, make(path, query))
        if content is None:
            status, content = 404, {}
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the requests are kept."""


@contextmanager
def searching() -> Iterator[SearchSite]:
    """Serve the searches for the length of a with block."""
    site = SearchSite()
    handler = type("Handler", (_Handler,), {"site": site})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    with in_thread(server):
        yield site
