"""Keep the leases of one worker's children: renew while they live, end at once when one dies or must be killed.

It runs in a thread of the worker's parent, so that a child that is busy, stuck or stopped cannot keep a lease alive
by itself, nor lose one by being busy.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from sqlalchemy import Connection

from clerk.database.held import HeldConnection
from clerk.database.states import JobState
from clerk.errors import DatabaseUnavailable
from clerk.jobs import Fenced
from clerk_tasks.ledger import attempts, leases
from clerk_tasks.ledger.attempts import Claim
from clerk_tasks.ledger.insert import Message
from clerk_tasks.ledger.leases import Running

logger = logging.getLogger(__name__)

#: How long a running job may take to notice that it was cancelled before its process is killed, in seconds.
CANCEL_GRACE = 10.0
#: How long a process may seem to work on a job that is not its own before it is killed, in seconds.
#: It may only be about to find out, or to have recorded the end itself; what it writes meanwhile is fenced.
STRAY_GRACE = 5.0
#: A job in one of these was not started yet, or waits for its next attempt.
_UNBEGUN = (JobState.SCHEDULED, JobState.AVAILABLE)


class Pool(Protocol):
    """What the keeper needs to know of the worker's pool."""

    def live(self) -> set[int]:
        """Return the process ids of the children that are alive."""

    def busy(self) -> Mapping[str, int]:
        """Return {job id: process id} for the jobs that the pool believes to be running."""


class LeaseKeeper:
    """The keeper of one worker start's leases."""

    def __init__(
        self,
        held: HeldConnection,
        pool: Pool,
        instance: str,
        *,
        lease: float,
        renewal: float,
        publish: Callable[[list[Message]], object],
        register: Callable[[Connection], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take `lease`, the seconds that a renewal lasts, and `renewal`, those from one to the next.

        `register` records this worker start, also later on: a restored database knows nothing of it.
        """
        self.held, self.pool, self.instance = held, pool, instance
        self.lease, self.renewal, self.publish, self.register, self.clock = lease, renewal, publish, register, clock
        self._renewed_at = float("-inf")
        self._begun: set[tuple[str, int]] = set()  # (job id, process id): was seen at a job that another attempt owned
        self._strays: dict[tuple[str, int], float] = {}  # (job id, process id): since when, by our clock

    def run_once(self) -> bool:
        """Make one pass; return whether an attempt was ended. Raises DatabaseUnavailable, and is then run again."""
        busy = self.pool.busy()  # before the rows are read: a job that ends meanwhile is then no zombie
        with self.held.transaction() as connection:
            rows = leases.running_of(connection, self.instance, cancel_grace=CANCEL_GRACE)
            states = leases.states(connection, list(busy))
        live = self.pool.live()  # after they are read: a process that owns one of them and is not here is dead
        over = [(row.claim, reason) for row in rows if (reason := _end_of(row, live)) is not None]
        doomed, messages = self._end(leases.lost, over)
        self._renew(live)
        owning = {row.claim.pid for row in rows} - doomed
        working = {key for key in busy.items() if key[1] in live}
        kill((doomed & live) | self._late_strays(working, states, owning))
        self.publish(messages)
        return bool(doomed)

    def _late_strays(self, working: set[tuple[str, int]], states: Mapping[str, JobState], owning: set[int]) -> set[int]:
        """Return the processes that for a while have seemed to work on a job which is not theirs.

        For a moment many do: by a second message for a running job, by an end that the pool has not heard of, or by
        a claim that was committed between our two questions. What may be claimed is only about to be, unless the same
        process was at it before: then that attempt was lost meanwhile, and only this ends it.
        """
        moment = self.clock()
        self._begun = {key for key in working if key in self._begun or states.get(key[0]) not in _UNBEGUN}
        strays = {key for key in self._begun if key[1] not in owning}
        self._strays = {key: self._strays.get(key, moment) for key in strays}
        overdue = {key for key, since in self._strays.items() if moment - since >= STRAY_GRACE}
        for job_id, pid in overdue:
            logger.warning("process %d works on job %s, which is not its own any more: it is killed", pid, job_id)
        return {pid for _, pid in overdue}

    def _renew(self, pids: set[int]) -> None:
        if self.clock() - self._renewed_at < self.renewal:
            return
        with self.held.transaction() as connection:
            leases.renew(connection, self.instance, pids, lease=self.lease)
            if not leases.worker_seen(connection, self.instance):
                self.register(connection)
        self._renewed_at = self.clock()

    def hand_back(self) -> None:
        """Give every running job back, uncounted, and kill its process: the worker has to go now.

        Without the database the processes are killed all the same, and their leases expire.
        """
        try:
            with self.held.transaction() as connection:
                rows = leases.running_of(connection, self.instance, cancel_grace=CANCEL_GRACE)
        except DatabaseUnavailable:
            kill(self.pool.live())
            raise
        given, messages = self._end(attempts.hand_back, [(row.claim, "The worker was shut down.") for row in rows])
        kill(given & self.pool.live())
        self.publish(messages)

    def _end(
        self, end: Callable[[Connection, Claim, str], list[Message]], over: Sequence[tuple[Claim, str]]
    ) -> tuple[set[int], list[Message]]:
        """End attempts, each in a transaction of its own; return whose they were, and the messages to publish.

        Skip attempts that their own process has ended meanwhile; do not kill it.
        """
        pids, messages = set[int](), list[Message]()
        for claim, reason in over:
            with suppress(Fenced):
                with self.held.transaction() as connection:
                    attempts.check_owned(connection, claim, lock=True)
                    published = end(connection, claim, reason)
                pids.add(claim.pid)
                messages += published
                logger.warning("job %s: %s", claim, reason)
        return pids, messages


def _end_of(row: Running, live: set[int]) -> str | None:
    """Return why an attempt is over although its process has not said so, None if it is not."""
    if row.claim.pid not in live:
        return f"Its process ({row.claim.pid}) died."
    if row.past_time_limit:
        return f"It ran past its time limit of {row.time_limit:g} s and was killed."
    if row.ignores_cancel:
        return "it did not stop by itself, and was killed"
    return None


def kill(pids: Iterable[int]) -> None:
    """Kill processes, each with what it has started; those that are gone already are fine."""
    for pid in pids:
        with suppress(ProcessLookupError):
            if os.getpgid(pid) == pid:
                os.killpg(pid, signal.SIGKILL)
            else:
                os.kill(pid, signal.SIGKILL)
