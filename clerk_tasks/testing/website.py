"""A city's website on 127.0.0.1, made of plain data."""

from __future__ import annotations

import hashlib
import http.server
import json
import mimetypes
import socketserver
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

from clerk.fsync import OWN_THREADS


@dataclass(frozen=True)
class Reply:
    """What the server answers; `kind` is its Content-Type."""

    body: bytes = b""
    status: int = 200
    kind: str = "application/pdf"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """What the server was asked."""

    method: str
    path: str  # with the query
    headers: dict[str, str]
    body: bytes
    status: int  # that it got


#: A page is its HTML, a file its bytes, and what JSON can hold is JSON; an Reply has a status and headers too. A
#: function makes any of these for the request that it is given.
Content = str | bytes | Mapping[str, Any] | list[Any] | Reply
Route = Content | Callable[[Request], Content]


def page(text: str, status: int = 200) -> Reply:
    """Return a web page."""
    return Reply(text.encode(), status, "text/html; charset=utf-8")


def as_json(value: Any) -> Reply:
    """Return a JSON reply."""
    return Reply(json.dumps(value).encode(), kind="application/json; charset=utf-8")


def _answer(content: Content, path: str) -> Reply:
    if isinstance(content, Reply):
        return content
    if isinstance(content, str):
        return page(content)
    if isinstance(content, bytes):
        return Reply(content, kind=mimetypes.guess_type(path)[0] or "application/octet-stream")
    return as_json(content)


@dataclass
class Website:
    """A running server: change what it answers at any time, and read what it was asked.

    `routes` is {path without query: content}. `script` is {path: contents to give first, once each}, such as an error
    that passes. Anything else is not found. A request with the ETag of a file that has not changed gets 304.
    """

    url: str = ""
    routes: dict[str, Route] = field(default_factory=dict)
    script: dict[str, list[Content]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def paths(self, beginning: str = "") -> list[str]:
        """List the paths that were asked for, in turn."""
        return [path for request in self.requests if (path := urlsplit(request.path).path).startswith(beginning)]

    def publish(self, path: str, content: Route) -> str:
        """Serve something, and return its address."""
        self.routes[path] = content
        return f"{self.url}{path}"

    def answer(self, request: Request) -> Reply:
        """Decide what to answer."""
        path = urlsplit(request.path).path
        if waiting := self.script.get(path):
            return _answer(waiting.pop(0), path)
        found = self.routes.get(path)
        if found is None:
            return page("Not found", 404)
        return _answer(found(request) if callable(found) else found, path)

    @classmethod
    @contextmanager
    def serving(cls, port: int = 0, *, tls: ssl.SSLContext | None = None) -> Iterator[Self]:
        """Serve an empty site on 127.0.0.1 for the length of a with block; port 0 is any that is free."""
        site = cls()
        handler = type("Handler", (_Handler,), {"site": site})
        server = _Server(("127.0.0.1", port), handler)
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        site.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
        with in_thread(server):
            yield site


@contextmanager
def in_thread(server: socketserver.BaseServer) -> Iterator[None]:
    """Run a server in a thread for the length of a with block."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    site: Website
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # headers and body in one packet: else each answer waits for the client's acknowledgement

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        asked = Request(self.command, self.path, dict(self.headers), self.rfile.read(length), 0)
        answer = self.site.answer(asked)
        etag = f'"{hashlib.sha256(answer.body).hexdigest()}"'
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
    def process_request(self, request: Any, client_address: Any) -> None:
        """Reply in a thread of our own, which no job has left behind."""
        arguments = (request, client_address)
        name = f"{OWN_THREADS}website"
        threading.Thread(target=self.process_request_thread, args=arguments, name=name, daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that hangs up once it has seen enough."""
        if not isinstance(sys.exception(), ConnectionError | ssl.SSLError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]
