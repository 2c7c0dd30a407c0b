"""A job's visits of hosts: not while an operator has paused a host, and not while another job visits it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from clerk.database.clock import database_time
from clerk.database.held import HeldConnection
from clerk.jobs import Snooze
from clerk.pauses import Pause, active_pauses
from clerk_tasks.ledger import hosts

#: How long a job trusts what it has read of paused hosts, in seconds.
HOSTS_INTERVAL = 2.0
#: How long a job that meets a paused host waits before it looks again, at most, in seconds.
HOST_PAUSE = 300.0
#: How long a job waits for a host that another visits before it is put off, and for how long that is, in seconds.
HOST_PATIENCE, PUT_OFF = 10.0, 15.0
#: How often it looks whether the host is free, in seconds.
LOOK = 0.5


class HostVisits:
    """The visits of one job, over the connection of its process; `unless_away` passes over a database that is away."""

    def __init__(
        self,
        job_id: str,
        held: HeldConnection,
        unless_away: Callable[[], AbstractContextManager[None]],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.job_id, self._held, self._unless_away = job_id, held, unless_away
        self._clock, self._sleep = clock, sleep
        self._paused: dict[str, Pause] = {}
        self._seen_at = -HOSTS_INTERVAL

    def check(self, host: str) -> None:
        """Raise Snooze while an operator has paused requests to a host, until the pause ends."""
        current = self._clock()
        if current - self._seen_at < HOSTS_INTERVAL and host not in self._paused:
            return
        with self._held.turn() as has_it:
            if not has_it:
                return  # another thread of the job is inside its fence; the next request asks again
            present = None
            with self._unless_away(), self._held.statement() as connection:
                present = database_time(connection)
                self._paused = {pause.name: pause for pause in active_pauses(connection) if pause.kind == "host"}
            self._seen_at = current
        if pause := self._paused.get(host):
            seconds = HOST_PAUSE
            if pause.until is not None and present is not None:
                seconds = (pause.until - present).total_seconds() + 1
            raise Snooze(min(max(seconds, 0.0), HOST_PAUSE), str(pause))

    @contextmanager
    def visiting(self, host: str, pause: float) -> Iterator[None]:
        """Be the only job that visits a host during a with block, and leave it alone for `pause` seconds then.

        Raises Snooze if others visit it for longer than HOST_PATIENCE. A host without a pause may be visited by many.
        """
        if pause <= 0 or not self._take(host):
            yield
            return
        try:
            yield
        finally:
            with self._unless_away(), self._held.statement() as connection:
                hosts.release(connection, host, self.job_id, pause=pause)

    def _take(self, host: str) -> bool:
        """Wait for a host; return whether it is ours, not if the database cannot say."""
        until = self._clock() + HOST_PATIENCE
        while True:
            wait = None
            with self._held.turn() as has_it:
                if has_it:
                    with self._unless_away(), self._held.statement() as connection:
                        wait = hosts.take(connection, host, self.job_id)
            if not wait:
                return wait is not None
            if self._clock() >= until:
                raise Snooze(PUT_OFF * random.uniform(0.5, 1.5), f"another job visits {host}")  # noqa: S311
            self._sleep(min(wait, LOOK))
