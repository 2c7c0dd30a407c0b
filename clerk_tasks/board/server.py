"""Serve the board with uvicorn until it is interrupted."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from clerk.errors import ClerkError
from clerk.settings import settings
from clerk_tasks.board.access import Access
from clerk_tasks.board.application import make_board


class BoardServer:
    """The server, bound to its address; ClerkError if that cannot be bound."""

    def __init__(self, host: str, port: int) -> None:
        try:
            family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            # With the protocol named, asyncio sets TCP_NODELAY; without, each answer waits 40 ms for an ACK.
            self._socket = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind(address)
        except OSError as error:
            raise ClerkError(f"Cannot listen on {host}:{port}: {error.strerror}.") from None
        self.access = Access(host, settings())
        self.app = make_board(self.access)
        config = uvicorn.Config(
            self.app,
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,  # the guard adds it: uvicorn would wake up ten times a second to have it ready
            proxy_headers=False,  # the address of who logs in is that of the connection
            lifespan="off",
            timeout_graceful_shutdown=1,  # streams never end by themselves
        )
        self._server = _Server(config)

    @property
    def url(self) -> str:
        """Where the board is."""
        host, port = self._socket.getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/"

    def serve(self) -> signal.Signals:
        """Serve until SIGINT or SIGTERM, or `stop`; return that signal, SIGTERM for `stop`."""
        self._server.run(sockets=[self._socket])
        return self._server.received or signal.SIGTERM

    def stop(self) -> None:
        """Make `serve` return; from another thread."""
        self._server.end()


class _Server(uvicorn.Server):
    """Uvicorn, which ends by our own rules: a signal is an end, not an error, and nothing wakes it up before that."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.received: signal.Signals | None = None
        self._waiting: asyncio.AbstractEventLoop | None = None
        self._over = asyncio.Event()

    async def main_loop(self) -> None:
        """Wait for the end."""
        self._waiting = asyncio.get_running_loop()
        if not self.should_exit:
            await self._over.wait()

    def end(self) -> None:
        """Make the server end; from any thread, and from a signal's handler."""
        self.should_exit = True
        if self._waiting:
            self._waiting.call_soon_threadsafe(self._over.set)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Note the signal that ends the server; only the main thread gets one."""

        def note(number: int, _frame: FrameType | None) -> None:
            self.received = signal.Signals(number)
            self.end()

        try:
            before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
        except ValueError:  # not the main thread
            before = {}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
