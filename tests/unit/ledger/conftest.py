"""A ledger on SQLite, a clock that a test sets, and a pool of idle processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from clerk_tasks.worker.children import Work
from devtools.processes import wait_for
from tests.integration.ledger.fixtures import clock, held, ledger

__all__ = ["clock", "held", "ledger"]


class Children:
    """A pool of real processes that do nothing."""

    def __init__(self) -> None:
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self.working_on: dict[int, Work] = {}
        self.before_looking: Callable[[], object] = lambda: None

    def spawn(self) -> int:
        process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
        self.processes[process.pid] = process
        return process.pid

    def live(self) -> set[int]:
        self.before_looking()
        return {pid for pid, process in self.processes.items() if process.poll() is None}

    def is_spared(self, pid: int) -> bool:
        """Let the process end by itself, and say whether it did: a signal may still have been on its way."""
        self.processes[pid].communicate()
        return self.processes[pid].returncode == 0

    def is_killed(self, pid: int) -> bool:
        return wait_for(lambda: self.processes[pid].poll(), "it is killed", deadline=5) == -9


@pytest.fixture
def children() -> Iterator[Children]:
    pool = Children()
    yield pool
    for process in pool.processes.values():
        process.kill()
        process.communicate()
