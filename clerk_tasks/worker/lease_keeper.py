"""Keep the leases of one worker's children: renew while they live, end at once when one dies or must be killed.

A lease is renewed for a job that the ledger and its process agree upon. The keeper runs in a thread of the worker's
parent, so that a child that is busy, stuck or stopped cannot keep a lease alive by itself, nor lose one by being busy.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress

from sqlalchemy import Connection

from clerk.database.held import HeldConnection
from clerk.errors import DatabaseUnavailable
from clerk.jobs import Fenced
from clerk_tasks import logs
from clerk_tasks.ledger import attempts, leases
from clerk_tasks.ledger.claims import Claim
from clerk_tasks.ledger.insert import Message
from clerk_tasks.ledger.leases import Running
from clerk_tasks.worker.children import Work

logger = logging.getLogger(__name__)

#: How the ledger records the end of an attempt, for a reason; it returns the messages that follow.
Ending = Callable[[Connection, Claim, str], list[Message]]

#: How long a running job may take to notice that it was cancelled before its process is killed, in seconds.
CANCEL_GRACE = 10.0
#: How long a process may seem to work on a job that is not its own before it is killed, in seconds.
#: It may only be about to find out, or to have recorded the end itself; what it writes meanwhile is fenced.
STRAY_GRACE = 5.0


class LeaseKeeper:
    """The keeper of one worker start's leases."""

    def __init__(
        self,
        held: HeldConnection,
        instance: str,
        *,
        live: Callable[[], set[int]],
        working: Callable[[], Mapping[int, Work]],
        lease: float,
        renewal: float,
        register: Callable[[Connection], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take `lease`, the seconds that a renewal lasts, and `renewal`, those from one to the next.

        `live()` returns the process ids of the children that are alive, `working()` what each says that it works on.
        `register` records this worker start, also later on: a restored database knows nothing of it.
        """
        self.held, self.instance, self.live, self.working = held, instance, live, working
        self.lease, self.renewal, self.register, self.clock = lease, renewal, register, clock
        self.seen: leases.Heartbeat | None = None  # the answer to the last heartbeat
        self._renewed_at = float("-inf")
        self._owning = False  # whether the ledger knew a job of this worker at the last look
        #: Attempts whose process was killed before their end could be recorded: how it is to be, and why.
        self._condemned: dict[Work, tuple[Ending, str]] = {}
        self._strays: dict[tuple[int, Work], float] = {}  # who works on what is not its own: since when, by our clock

    def run_once(self) -> bool:
        """Make one pass; return whether an attempt was ended. Raises DatabaseUnavailable, and is then run again."""
        working = self.working()  # before the rows are read: a job that ends meanwhile has a row no more
        if not working and not self._owning and not self._is_renewal_due():
            return False  # an idle child that claims a job and dies before it says so is found at a renewal
        with self.held.statement() as connection:
            rows = leases.running_of(connection, self.instance, cancel_grace=CANCEL_GRACE)
        self._owning = bool(rows)
        # After they are read: a process that owns one of them and is not here is dead.
        live = self.live() if rows or working else set()
        self._condemned = {work: self._condemned[work] for row in rows if (work := _work_of(row)) in self._condemned}
        over = {row.claim: end for row in rows if (end := self._condemned.get(_work_of(row)) or _end_of(row, live))}
        ended = self._end(over)
        owned = {(row.claim.pid, _work_of(row)) for row in rows}
        worked = {(pid, work) for pid, work in working.items() if pid in live}
        self._renew([work.job_id for _, work in worked & owned])
        self._kill(ended)
        kill(self._late_strays(worked - owned))
        return bool(ended)

    def _late_strays(self, strays: set[tuple[int, Work]]) -> set[int]:
        """Return the processes that for a while have worked on a job which is not theirs.

        For a moment many do: the end of the job is recorded, and the process is about to say so.
        """
        moment = self.clock()
        self._strays = {stray: self._strays.get(stray, moment) for stray in strays}
        late = {stray for stray, since in self._strays.items() if moment - since >= STRAY_GRACE}
        for pid, work in late:
            logger.warning("killing process %d: it still works on job %s, which another attempt owns", pid, work.job_id)
        return {pid for pid, _ in late}

    def _is_renewal_due(self) -> bool:
        return self.clock() - self._renewed_at >= self.renewal

    def _renew(self, job_ids: Sequence[str]) -> None:
        if not self._is_renewal_due():
            return
        with self.held.transaction() as connection:
            leases.renew(connection, self.instance, job_ids, lease=self.lease)
            self.seen = leases.worker_seen(connection, self.instance)
            if self.seen is None:
                self.register(connection)
        self._renewed_at = self.clock()

    def hand_back(self) -> bool:
        """Give every running job back, uncounted, and kill its process: the worker has to go now.

        Return whether all ends are recorded; if not, the next call or pass records them. Without the database the
        processes are killed all the same, and their leases expire.
        """
        try:
            with self.held.transaction() as connection:
                rows = leases.running_of(connection, self.instance, cancel_grace=CANCEL_GRACE)
        except DatabaseUnavailable:
            kill(self.live())
            raise
        self._kill(self._end({row.claim: (attempts.hand_back, "The worker was shut down.") for row in rows}))
        return self._condemned.keys().isdisjoint(map(_work_of, rows))

    def _end(self, over: Mapping[Claim, tuple[Ending, str]]) -> list[Claim]:
        """End attempts, each in a transaction of its own; return those ended. The relay publishes what follows.

        Skip attempts that their own process has ended meanwhile. A process that keeps its job's row locked is killed
        first, and the end recorded at the next pass: to wait for it would hold up all leases.
        """
        ended = list[Claim]()
        for claim, (end, reason) in over.items():
            with suppress(Fenced):
                try:
                    with self.held.transaction() as connection:
                        if not (is_held := attempts.held_elsewhere(connection, claim)):
                            attempts.check_owned(connection, claim)
                            end(connection, claim, reason)
                except DatabaseUnavailable:  # on SQLite its process may be the one that keeps the database locked
                    self._condemn(claim, end, reason)
                    raise
                if not is_held:
                    ended.append(claim)
                    logger.warning("job %s: %s", claim, reason, extra=logs.about(claim))
                elif self._condemn(claim, end, reason):
                    logger.warning("job %s: %s Its row is locked by it.", claim, reason, extra=logs.about(claim))
        return ended

    def _condemn(self, claim: Claim, end: Ending, reason: str) -> bool:
        """Kill the process of an attempt and have the next pass record its end; return False if it has ended by now."""
        if killed := self._kill([claim]):
            self._condemned[Work(claim.job_id, claim.attempt)] = end, reason
        return killed

    def _kill(self, claims: Iterable[Claim]) -> bool:
        """Kill the processes that still work on these attempts, not those that are at another by now."""
        working = self.working()
        pids = {claim.pid for claim in claims if working.get(claim.pid) == Work(claim.job_id, claim.attempt)}
        if pids:
            kill(pids & self.live())
        return bool(pids)


def _work_of(row: Running) -> Work:
    return Work(row.claim.job_id, row.claim.attempt)


def _end_of(row: Running, live: set[int]) -> tuple[Ending, str] | None:
    """Return why an attempt is over although its process has not said so, None if it is not."""
    reason = None
    if row.claim.pid not in live:
        reason = f"Its process ({row.claim.pid}) died."
    elif row.past_time_limit:
        reason = f"It ran past its time limit of {row.time_limit:g} s and was killed."
    elif row.ignores_cancel:
        reason = "it did not stop by itself, and was killed"
    return None if reason is None else (leases.lost, reason)


def kill(pids: Iterable[int]) -> None:
    """Kill processes, each with what it has started; those that are gone already are fine."""
    for pid in pids:
        with suppress(ProcessLookupError):
            if os.getpgid(pid) == pid:
                os.killpg(pid, signal.SIGKILL)
            else:
                os.kill(pid, signal.SIGKILL)
