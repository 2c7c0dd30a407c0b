"""What a job function sees of the job that this process has claimed: `clerk.current_job()`."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from clerk.database.held import HeldConnection
from clerk.database.transactions import fenced
from clerk.errors import DatabaseUnavailable
from clerk.jobs import Cancel, JobContext, JobRequest
from clerk.redaction import storable
from clerk_tasks.dispatcher import publish
from clerk_tasks.job_types.registry import registry
from clerk_tasks.ledger import attempts, publications
from clerk_tasks.ledger.children import require_near_stage
from clerk_tasks.ledger.claims import Claim
from clerk_tasks.ledger.insert import Message
from clerk_tasks.recording import new_job
from clerk_tasks.traced_runs import below, current_span
from clerk_tasks.worker.host_visits import HostVisits

logger = logging.getLogger(__name__)

#: The shortest time between two messages of `progress` that are recorded, in seconds.
PROGRESS_INTERVAL = 1.0
#: The shortest time between two transactions that record jobs which `spawn_now` asked for, in seconds.
SPAWN_INTERVAL = 0.5
_STOPPED = "it stopped at a checkpoint"


class RunningJob(JobContext):
    """The context of one attempt; it uses the connection of the process's executor."""

    def __init__(self, claim: Claim, held: HeldConnection) -> None:
        super().__init__()
        self.job_id, self.run_id = claim.job_id, claim.run_id
        self.attempt, self.max_attempts = claim.attempt, claim.max_attempts
        self._claim, self._held, self._span = claim, held, current_span()
        self._unsaid: str | None = None
        self._said_at, self._in_fence = -PROGRESS_INTERVAL, False
        self._at_once: list[JobRequest] = []  # of the children, those that `spawn_now` asked for
        self._spawned_at = -SPAWN_INTERVAL
        self._stages_seen: set[str] = set()

    @cached_property
    def _visits(self) -> HostVisits:
        return HostVisits(self.job_id, self._held, self._unless_away)

    def checkpoint(self) -> None:
        """Raise Cancel if the job was cancelled, Fenced if another attempt owns it. It locks nothing.

        While the database is away the job goes on: its outcome waits, and its effects are fenced.
        """
        with self._held.turn() as has_it:
            if not has_it:
                return  # another thread of the job is inside its fence: the job is ours
            with self._unless_away(), self._held.statement() as connection:
                if attempts.check_owned(connection, self._claim):
                    raise Cancel(_STOPPED)
        if not self._in_fence:
            self._say()
            self._record_children()

    @contextmanager
    def _unless_away(self) -> Iterator[None]:
        """Go on without the database, which is not the job's failure; not in a fence, whose lock is then lost."""
        try:
            yield
        except DatabaseUnavailable as error:
            if self._in_fence:
                raise
            logger.debug("job %s goes on without the database: %s", self.job_id, error)

    def _check_owned(self) -> None:
        with self._held.statement() as connection:
            attempts.check_owned(connection, self._claim)

    def check_host(self, host: str) -> None:
        """Raise Snooze while an operator has paused requests to a host, until the pause ends."""
        self._visits.check(host)

    @contextmanager
    def visiting(self, host: str, pause: float) -> Iterator[None]:
        """Be the only job that visits a host during a with block, and leave the host alone for `pause` seconds then."""
        with self._visits.visiting(host, pause):
            yield

    def progress(self, message: str) -> None:
        """Say what the job is doing right now; a message too soon after another is recorded by a later call."""
        self._unsaid = storable(message)[:500]
        self._say()

    def _say(self) -> None:
        """Record the newest message, PROGRESS_INTERVAL after the one before; in a fence, which may be undone, each."""
        current = time.monotonic()
        if self._unsaid is None or (not self._in_fence and current - self._said_at < PROGRESS_INTERVAL):
            return
        with self._held.turn() as has_it:
            if not has_it:
                return  # another thread of the job is inside its fence; a later call says it
            if not self._in_fence:
                self._said_at = current
            with self._unless_away():
                with self._held.transaction() as connection:
                    attempts.note(connection, self._claim, self._unsaid)
                self._unsaid = None

    def spawn_now(self, job_type: str, subdomain: str, *, stage: str | None = None, **arguments: Any) -> None:
        """Ask for another job that may begin at once; those of half a second are recorded together."""
        if stage is not None and stage not in self._stages_seen:
            with self._held.statement() as connection:
                require_near_stage(connection, stage, run_id=self.run_id, own=self._claim.stage_id)
            self._stages_seen.add(stage)
        self.spawn(job_type, subdomain, stage=stage, **arguments)
        self._at_once.append(self.children[-1])
        self._record_children()

    def _record_children(self) -> None:
        """Record what `spawn_now` asked for, SPAWN_INTERVAL after the time before; not in a fence, whose locks last."""
        if not self._at_once or self._in_fence or time.monotonic() - self._spawned_at < SPAWN_INTERVAL:
            return
        with self._held.turn() as has_it:
            if not has_it:
                return  # another thread of the job is inside its fence; a later call, or the job's end, records them
            asked, self._at_once = self._at_once, []
            made = {id(request) for request in asked}
            self.children = [child for child in self.children if id(child) not in made]
            known = registry()
            with self._held.transaction() as connection:
                children = below(self._span, [new_job(child, known) for child in asked])
                messages = attempts.spawn_now(connection, self._claim, children)
                silent = {message.queue for message in messages}
                silent = {queue for queue in sorted(silent) if publications.announce(connection, queue)}
            self._spawned_at = time.monotonic()
        self._publish([message for message in messages if message.queue in silent])

    def _publish(self, messages: Sequence[Message]) -> None:
        if messages and not publish(messages):
            with self._held.statement() as connection:
                for queue in {message.queue for message in messages}:
                    publications.answered(connection, queue)

    @contextmanager
    def fence(self) -> Iterator[None]:
        """Lock the job's row for the length of the block, so that no other attempt can start."""
        done = False
        try:
            with self._held.transaction() as connection:
                if attempts.check_owned(connection, self._claim, lock=True):
                    raise Cancel(_STOPPED)
                self._in_fence = True
                try:
                    with fenced():
                        yield
                finally:
                    self._in_fence = False
                done = True
        except DatabaseUnavailable:
            if not done:  # else only a lock is lost that we need no more, and failing would have it all done again
                self._check_owned()  # without the lock another attempt may have begun
                raise
