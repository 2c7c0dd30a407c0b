"""Local processes in the place of containers, where there is no Docker engine."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from signal import Signals
from typing import Protocol

from devtools.processes import Program, Programs
from devtools.services import RedisServer
from tests.smoke.nodes import WORKER, Redis, Worker


class Startable(Protocol):
    """A server or a program."""

    def start(self) -> object:
        """Start it."""
        ...


class LocalProcess:
    """Quacks like docker-py's Container, over one of our processes."""

    def __init__(self, name: str, program: Program, starter: Startable) -> None:
        self.id = self.name = f"{name}-{uuid.uuid4().hex[:5]}"
        self._program = program
        self._starter = starter

    @property
    def status(self) -> str:
        """Docker's word for whether it runs."""
        return "running" if self._program.alive else "exited"

    def reload(self) -> None:
        """Do nothing: `status` is never stale."""

    def logs(self) -> bytes:
        """Return everything it has written."""
        return self._program.log.encode()

    def kill(self, signal: str | None = None) -> None:
        """Send a signal by its name and wait for the end."""
        self._program.signal(Signals[signal or "SIGKILL"])
        self._program.wait()

    def restart(self, *, timeout: int) -> None:
        """Stop it, kindly if it is alive, and start it again."""
        if self._program.alive:
            self._program.terminate(deadline=timeout)
        self._starter.start()


@dataclass(frozen=True)
class Processes:
    """Nodes as processes of ours; the fixtures that start them end them."""

    server: RedisServer
    programs: Programs

    def redis(self) -> Redis:
        """Return the broker, which runs."""
        return Redis(LocalProcess("redis", self.server.process, self.server), self.server.port)

    def worker(self) -> Worker:
        """Start `clerk-tasks worker` as an operator would."""
        program = self.programs.clerk(*WORKER)
        return Worker(LocalProcess("worker", program, program))
