"""Serve `/metrics` over HTTP; plain and without a password: bind it to an address that only Prometheus reaches."""

from __future__ import annotations

import socket
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from clerk import __version__
from clerk.errors import ClerkError, UsageError
from clerk.redaction import redact
from clerk_tasks.metrics.exposition import CONTENT_TYPE, exposition

#: How long a client may take to send its request, in seconds.
REQUEST_PATIENCE = 10.0


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of `127.0.0.1:9801` or `[::1]:9801`; UsageError for other text."""
    host, separator, port = text.strip().rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        separator = ""
    if not (separator and host and port.isascii() and port.isdigit() and int(port) <= 65535):
        raise UsageError(f"{text!r} is no address to listen on: write HOST:PORT, such as 127.0.0.1:9801")
    return host, int(port)


class _Handler(BaseHTTPRequestHandler):
    server_version = f"clerk-tasks/{__version__}"
    sys_version = ""
    timeout = REQUEST_PATIENCE

    def do_GET(self) -> None:
        """Answer a scrape."""
        if self.path.partition("?")[0] != "/metrics":
            self._answer(HTTPStatus.NOT_FOUND, b"Metrics are at /metrics.\n")
            return
        try:
            body = exposition()
        except ClerkError as error:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, f"{redact(str(error))}\n".encode())
        else:
            self._answer(HTTPStatus.OK, body, CONTENT_TYPE)

    def do_HEAD(self) -> None:
        """Answer a scrape without its body."""
        self.do_GET()

    def _answer(self, status: HTTPStatus, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Log nothing: a scrape comes every few seconds."""


class MetricsServer(ThreadingHTTPServer):
    """The server, bound; `serve_forever` serves. Raises ClerkError if the address cannot be bound."""

    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        try:
            family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            self.address_family = family
            super().__init__((str(address[0]), port), _Handler)
        except OSError as error:
            raise ClerkError(f"Cannot listen on {host}:{port}: {error.strerror}.") from None

    @property
    def url(self) -> str:
        """Where the metrics are."""
        host, port = str(self.server_address[0]), self.server_address[1]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/metrics"
