"""What a job function sees of the job that this process has claimed: `clerk.current_job()`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from clerk.database.held import HeldConnection
from clerk.database.transactions import fenced
from clerk.errors import DatabaseUnavailable
from clerk.jobs import Cancel, JobContext
from clerk.redaction import storable
from clerk_tasks.ledger import attempts
from clerk_tasks.ledger.claims import Claim

_STOPPED = "it stopped at a checkpoint"


class RunningJob(JobContext):
    """The context of one attempt; it uses the connection of the process's executor."""

    def __init__(self, claim: Claim, held: HeldConnection) -> None:
        super().__init__()
        self.job_id, self.run_id = claim.job_id, claim.run_id
        self.attempt, self.max_attempts = claim.attempt, claim.max_attempts
        self._claim, self._held = claim, held

    def checkpoint(self) -> None:
        """Raise Cancel if the job was cancelled, Fenced if another attempt owns it. It locks nothing."""
        with self._held.statement() as connection:
            if attempts.check_owned(connection, self._claim):
                raise Cancel(_STOPPED)

    def progress(self, message: str) -> None:
        """Say what the job is doing right now."""
        with self._held.transaction() as connection:
            attempts.note(connection, self._claim, storable(message)[:500])

    @contextmanager
    def fence(self) -> Iterator[None]:
        """Lock the job's row for the length of the block, so that no other attempt can start."""
        done = False
        try:
            with self._held.transaction() as connection:
                if attempts.check_owned(connection, self._claim, lock=True):
                    raise Cancel(_STOPPED)
                with fenced():
                    yield
                done = True
        except DatabaseUnavailable:
            if not done:  # else only a lock is lost that we need no more, and failing would have it all done again
                raise
