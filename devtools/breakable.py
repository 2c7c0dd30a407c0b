"""Brokers that a test may break: one way to kill, pause, empty and heal each kind."""

from __future__ import annotations

import contextlib
import shutil
import signal
from abc import ABC, abstractmethod

import kombu
import psutil

from devtools.processes import wait_for
from devtools.services import RabbitServer, RedisServer


class BreakableBroker(ABC):
    """A broker of the test's own."""

    @abstractmethod
    def kill(self) -> None:
        """`kill -9` it."""

    @abstractmethod
    def heal(self) -> None:
        """Undo `kill`; an embedded broker's keeper does so by itself."""

    @abstractmethod
    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers."""

    @abstractmethod
    def resume(self) -> None:
        """Undo `pause`."""

    @abstractmethod
    def forget(self) -> None:
        """Lose every message, while it runs."""

    @abstractmethod
    def lose(self) -> None:
        """`kill -9` it, and delete what it had on disk."""


class BreakableServer(BreakableBroker):
    """A Redis or RabbitMQ server."""

    def __init__(self, server: RedisServer | RabbitServer) -> None:
        self.server = server

    def kill(self) -> None:
        """`kill -9` it."""
        self.server.kill()

    def heal(self) -> None:
        """Start it again, with what it had on disk."""
        self.server.start()

    def pause(self) -> None:
        """Freeze it."""
        self.server.pause()

    def resume(self) -> None:
        """Undo `pause`."""
        self.server.resume()

    def forget(self) -> None:
        """Empty the database, or delete every queue under its consumers."""
        if isinstance(self.server, RedisServer):
            with contextlib.closing(self.server.client()) as client:
                client.flushall()
        else:
            with kombu.Connection(self.server.url) as connection:
                connection.channel().queue_delete("default")

    def lose(self) -> None:
        """`kill -9` it, and delete what it had on disk."""
        self.kill()
        for folder in ("appendonlydir", "mnesia"):
            shutil.rmtree(self.server.folder / folder, ignore_errors=True)

    def renew(self) -> None:
        """Have it run and empty, whatever a test has done to it."""
        if self.server.process.alive:
            self.server.resume()
        else:
            self.server.start()
        self.forget()


class BreakableEmbedded(BreakableBroker):
    """The embedded broker of this test's CLERK_HOME, while a program has it running."""

    def kill(self) -> None:
        """`kill -9` the server; its keeper starts another."""
        self._server().kill()

    def heal(self) -> None:
        """Wait for the keeper to have done so."""
        from clerk_tasks.broker import embedded

        wait_for(embedded.is_running, "the embedded broker is back")

    def pause(self) -> None:
        """Freeze the server."""
        self._paused = self._server()
        self._paused.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Undo `pause`."""
        self._paused.send_signal(signal.SIGCONT)

    def forget(self) -> None:
        """Delete the broker's directory under the running server, socket and all; its keeper starts another."""
        from clerk_tasks.broker.embedded import _place

        shutil.rmtree(_place().folder, ignore_errors=True)  # the server may just be writing there
        self.heal()

    def lose(self) -> None:
        """`kill -9` the server, and delete what it had on disk."""
        from clerk_tasks.broker.embedded import _place

        self.kill()
        shutil.rmtree(_place().folder, ignore_errors=True)

    def _server(self) -> psutil.Process:
        from clerk_tasks.broker.embedded import _place

        socket = str(_place().socket)
        found = [
            process
            for process in psutil.process_iter(["cmdline"])
            if (command := process.info["cmdline"]) and "valkey-server" in command[0] and socket in " ".join(command)
        ]
        assert len(found) == 1, f"{len(found)} embedded brokers of {socket}"
        return found[0]
