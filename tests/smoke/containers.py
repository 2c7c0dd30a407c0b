"""Containers of this machine's Docker engine, with the project's image built from the Dockerfile beside this file."""

from __future__ import annotations

import fcntl
import gc
import os
import platform
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import docker
from docker.errors import BuildError, DockerException, ImageNotFound

from devtools.services import HOST, free_port
from tests.smoke.nodes import WORKER, Redis, Worker

ROOT = Path(__file__).parents[2]
IMAGE = "clerk-tasks-smoke"
REDIS_IMAGE = "redis:7"

#: What a worker takes over from the test's environment.
SETTINGS = ("BROKER_URL", "CLERK_HOME", "DATABASE_URL", "STORAGE_DIR")


@cache
def reachable() -> bool:
    """Whether a Docker engine answers that is this machine's: one elsewhere has neither our folders nor our ports."""
    with warnings.catch_warnings():  # docker-py leaves its socket to the garbage when nobody answers
        warnings.simplefilter("ignore", ResourceWarning)
        name = _engine_name()
        gc.collect()
    return name == platform.node()


def _engine_name() -> str | None:
    try:
        with closing(docker.from_env()) as client:
            return str(client.info()["Name"]) if client.ping() else None
    except DockerException:
        return None


@contextmanager
def engine(lock: Path) -> Iterator[docker.DockerClient]:
    """Connect to the engine and have both images there; who finds the file `lock` locked waits, and need not build."""
    with closing(docker.from_env()) as client:
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            _provide_images(client)
        yield client


def _provide_images(client: docker.DockerClient) -> None:
    try:
        client.images.get(REDIS_IMAGE)
    except ImageNotFound:
        client.images.pull(REDIS_IMAGE)
    arguments = {"PYTHON": ".".join(platform.python_version_tuple()[:2])}
    leave_nothing = {"rm": True, "forcerm": True}
    try:
        client.images.build(
            path=str(ROOT), dockerfile="tests/smoke/Dockerfile", tag=IMAGE, buildargs=arguments, **leave_nothing
        )
    except BuildError as error:
        error.add_note("".join(line.get("stream", "") for line in error.build_log))
        raise


@dataclass(frozen=True)
class Containers:
    """Nodes as containers on the machine's own network, removed when `stack` is closed."""

    client: docker.DockerClient
    folder: Path  # the test's, at the same path inside
    stack: ExitStack

    def redis(self) -> Redis:
        """Start a broker on a free port of localhost; what it holds survives a restart."""
        port = free_port()
        command = Redis.command("--bind", HOST, "--port", str(port), "--appendonly", "yes")
        return Redis(self._start(REDIS_IMAGE, command), port)

    def worker(self) -> Worker:
        """Start `clerk-tasks worker` as the user who runs the tests, in the test's folder and environment."""
        folder = str(self.folder)
        container = self._start(
            IMAGE,
            list(WORKER),
            user=f"{os.getuid()}:{os.getgid()}",
            working_dir=str(Path.cwd()),
            environment={name: os.environ[name] for name in SETTINGS},
            volumes={folder: {"bind": folder, "mode": "rw"}},
        )
        return Worker(container)

    def _start(self, image: str, command: list[str], **options: Any) -> Any:
        container = self.client.containers.create(image, command, network_mode="host", **options)
        self.stack.callback(container.remove, force=True, v=True)
        container.start()
        container.reload()
        return container
