"""pytest-celery's Redis and worker, over whatever runs them on this machine: containers or processes."""

from __future__ import annotations

from typing import Protocol

from pytest_celery import CeleryTestContainer, CeleryWorkerContainer, RedisContainer

from devtools.processes import wait_for
from devtools.services import HOST

#: What every worker is started as.
WORKER = ("worker", "-c", "1")


class Runnable(Protocol):
    """What the nodes need of docker-py's Container."""

    id: str
    name: str

    @property
    def status(self) -> str:
        """Docker's word for whether it runs, as of the last `reload`."""
        ...

    def reload(self) -> None:
        """Look again."""

    def logs(self) -> bytes:
        """Return everything it has written, before its restarts too."""
        ...

    def kill(self, signal: str | None = None) -> None:
        """Send a signal by its name."""

    def restart(self, *, timeout: int) -> None:
        """Stop it, kindly if it is alive, and start it again."""


class _Node(CeleryTestContainer):  # type: ignore[misc]
    """Waits for the ready prompt of the newest start, without the stock second between looks."""

    def restart(self, timeout: int = 10) -> None:
        """Restart it and wait until it says again that it is ready."""
        prompts = self.logs().count(self.ready_prompt)
        self._container.restart(timeout=timeout)
        wait_for(lambda: self.logs().count(self.ready_prompt) > prompts, f"{self.name} is ready again", logs=self.logs)

    def ready(self) -> bool:
        """Wait until it has said that it is ready."""
        wait_for(lambda: self.ready_prompt in self.logs(), f"{self.name} is ready", deadline=30, logs=self.logs)
        self.reload()
        return bool(self.status == "running")


class Redis(_Node, RedisContainer):  # type: ignore[misc]
    """pytest-celery's Redis on a port of localhost: inside and outside are the same place."""

    def __init__(self, container: Runnable, port: int) -> None:
        super().__init__(container)
        self._port = port

    @property
    def hostname(self) -> str:
        """The address of the machine."""
        return HOST

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        return self._port

    @property
    def url(self) -> str:
        """The address, for the worker."""
        return f"redis://{HOST}:{self._port}/0"

    @property
    def host_url(self) -> str:
        """The address, for the test."""
        return self.url


class Worker(_Node, CeleryWorkerContainer):  # type: ignore[misc]
    """pytest-celery's worker over `clerk-tasks worker`."""


class Place(Protocol):
    """Starts nodes, and ends them after the test."""

    def redis(self) -> Redis:
        """Start a broker."""
        ...

    def worker(self) -> Worker:
        """Start `clerk-tasks worker` in the test's folder and environment."""
        ...
