"""Local processes in the place of Docker containers: what pytest-celery's own classes need of one, and no more."""

from __future__ import annotations

import signal
import uuid
from typing import Any, ClassVar, Protocol

from pytest_celery import CeleryTestContainer, CeleryWorkerContainer, RedisContainer

from tests.support.processes import Program, wait_for
from tests.support.services import HOST, RedisServer


class Startable(Protocol):
    """A server or a program."""

    def start(self) -> object:
        """Start it."""
        ...


class LocalProcess:
    """Quacks like docker-py's Container, over one of our processes."""

    attrs: ClassVar[dict[str, Any]] = {
        "NetworkSettings": {"Networks": {}, "Ports": {}},
        "HostConfig": {"PortBindings": {}},
    }

    def __init__(self, name: str, program: Program, starter: Startable) -> None:
        self.id = self.name = name
        self.program = program
        self._starter = starter

    @property
    def status(self) -> str:
        """Docker's word for whether it runs."""
        return "running" if self.program.alive else "exited"

    def reload(self) -> None:
        """Do nothing: `status` is never stale."""

    def logs(self) -> bytes:
        """Return everything it has written."""
        return self.program.log.encode()

    def kill(self, signal: str | None = None) -> None:
        """Send a signal by its name and wait for the end."""
        self.program.signal(_signal(signal or "SIGKILL"))
        self.program.wait()

    def restart(self, timeout: int = 10) -> None:
        """Stop it, kindly if it is alive, and start it again."""
        if self.program.alive:
            self.program.terminate(deadline=timeout)
        self._starter.start()


def _signal(name: str) -> signal.Signals:
    return signal.Signals[name]


class _FastWait(CeleryTestContainer):  # type: ignore[misc]
    """Waits for the ready prompt of the newest start, without the stock second between looks."""

    def restart(self, timeout: int = 10) -> None:
        """Restart the process and wait until it says again that it is ready."""
        prompts = self.logs().count(self.ready_prompt)
        self._container.restart(timeout=timeout)
        wait_for(lambda: self.logs().count(self.ready_prompt) > prompts, f"{self.name} is ready again", logs=self.logs)

    def ready(self) -> bool:
        """Wait until the process has said that it is ready."""
        wait_for(lambda: self.ready_prompt in self.logs(), f"{self.name} is ready", logs=self.logs)
        return bool(self.status == "running")


class LocalRedis(_FastWait, RedisContainer):  # type: ignore[misc]
    """pytest-celery's Redis over a local server: inside and outside are the same place."""

    def __init__(self, server: RedisServer) -> None:
        super().__init__(LocalProcess("redis", server.process, server))
        self._server = server

    @property
    def hostname(self) -> str:
        """The address of the machine."""
        return HOST

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        return self._server.port

    @property
    def url(self) -> str:
        """The address, for processes."""
        return self._server.url

    @property
    def host_url(self) -> str:
        """The address, for the test."""
        return self._server.url


class LocalWorker(_FastWait, CeleryWorkerContainer):  # type: ignore[misc]
    """pytest-celery's worker over `clerk-tasks worker`."""

    def __init__(self, program: Program) -> None:
        super().__init__(LocalProcess(f"worker-{uuid.uuid4().hex[:5]}", program, program))
