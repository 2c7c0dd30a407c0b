"""A keeper of leases for tests, and a pool of idle processes for it to look after."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial

from clerk.database.held import HeldConnection
from clerk_tasks.ledger import leases
from clerk_tasks.ledger.claims import Claim
from clerk_tasks.worker.children import Work
from clerk_tasks.worker.lease_keeper import LeaseKeeper
from devtools.hand_clock import Clock
from devtools.processes import wait_for

#: Of every keeper here, in seconds.
LEASE = 30.0


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

    def works_on(self, claim: Claim) -> None:
        """Say for the process of a claim that it works on that."""
        self.working_on[claim.pid] = Work(claim.job_id, claim.attempt)

    def live(self) -> set[int]:
        self.before_looking()
        return {pid for pid, process in self.processes.items() if process.poll() is None}

    def is_spared(self, pid: int) -> bool:
        """Ask the process to end, and return whether no signal ended it first: one may still have been on its way."""
        self.processes[pid].communicate()
        return self.processes[pid].returncode == 0

    def is_killed(self, pid: int) -> bool:
        return wait_for(lambda: self.processes[pid].poll(), "it is killed", deadline=5) == -9


def keeper_of(held: HeldConnection, children: Children, clock: Clock) -> LeaseKeeper:
    """Return the keeper of worker start `w`."""
    register = partial(
        leases.register_worker,
        instance="w",
        hostname="here",
        pid=1,
        version="1",
        queues=["q"],
        job_types=["t"],
        concurrency=1,
    )
    return LeaseKeeper(
        held,
        "w",
        live=children.live,
        working=lambda: children.working_on,
        lease=LEASE,
        renewal=LEASE / 3,
        register=register,
        clock=clock,
    )
