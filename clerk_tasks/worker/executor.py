"""Work on one queue in a pool child: claim a job, call its function, record the outcome and claim the next.

A message starts a slice: about a second of short jobs, or one long job. One job is claimed at a time, in the
transaction that records the end of the one before.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from billiard import current_process
from celery import current_app
from sqlalchemy import Connection
from tenacity import Retrying, retry_if_exception_type, wait_random_exponential

from clerk.application import part
from clerk.database.engine import create_engine
from clerk.database.held import HeldConnection
from clerk.errors import DatabaseUnavailable
from clerk.jobs import Discard, Fenced
from clerk.pauses import paused_now
from clerk.settings import settings
from clerk_tasks import logs
from clerk_tasks.job_types.registry import registry
from clerk_tasks.ledger import leases, limits, publications
from clerk_tasks.ledger.claims import Claim, Claimant, Claims
from clerk_tasks.ledger.paused import NOTHING_PAUSED
from clerk_tasks.worker import sandbox
from clerk_tasks.worker.children import Child
from clerk_tasks.worker.events import Events
from clerk_tasks.worker.outcomes import Completed, Failed, HandedBack, Settle, describe
from clerk_tasks.worker.perform import perform
from clerk_tasks.worker.search import Search
from clerk_tasks.worker.spans import performed

logger = logging.getLogger(__name__)

#: How long a child takes one job after another before the other queues have their turn, in seconds.
SLICE = 1.0
#: The environment variables that give a worker's children its instance id, the memory that they share with it, and the
#: pipe for their events.
INSTANCE_VARIABLE, CHILDREN_VARIABLE, EVENTS_VARIABLE = "CLERK_INSTANCE", "CLERK_CHILDREN", "CLERK_EVENTS"
#: How a child ends that could not record what became of its job: the keeper then ends the attempt.
EXIT_UNRECORDED = 70


class Executor:
    """One process's executor: it works on one job at a time, and holds one connection to the database."""

    def __init__(
        self,
        held: HeldConnection,
        child: Child,
        *,
        instance: str,
        lease: float,
        most: int | None = None,
        events: Events | None = None,
        pid: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take `lease`, the seconds that a claim lasts without renewal, and `most`, how many jobs it may do."""
        self.held, self.child, self.events, self.clock = held, child, events, clock
        self.instance, self.lease, self.pid = instance, lease, pid or os.getpid()
        self.most, self.done, self.spoilt = most, 0, False
        self.unfit: str | None = None  # why the last job was handed back
        self._known = registry()
        self._claims = Claims(self._known.job_types)
        self._search = Search(held, clock)
        self._perform = partial(perform, held=held, known=self._known, spoilt=self._replace)
        self._pauses: int | None = None  # the number of the parent for what we know to be paused
        self._in_one_statement = held.engine.dialect.name == "postgresql"
        self._fresh = True  # we may own a job that we know nothing of: of a process that had our process id, say

    @property
    def worn_out(self) -> bool:
        """Whether this process is to end: after as many jobs as it may do, one that spoilt it, or in a smaller pool."""
        return self.spoilt or (self.most is not None and self.done >= self.most) or self.child.retiring

    def _replace(self, reason: str) -> None:
        logger.warning("%s: this process is replaced", reason)
        self.spoilt = True

    def run_slice(self, queue: str) -> None:
        """Work on a queue until it has no job to claim, or the slice is over."""
        self.child.in_slice(True)
        try:
            self._run_slice(queue)
        finally:
            self.child.in_slice(False)

    def _run_slice(self, queue: str) -> None:
        claimant = Claimant(queue, self.instance, self.pid, self.lease)
        until = self.clock() + SLICE
        self.unfit = None
        sandbox.look_again()
        claim = last = None if self.child.stopping else self._claim_first(claimant)
        claimant = claimant._replace(begin=self._search.begin(queue))
        while claim is not None:
            last = claim
            began = self.clock()
            logs.set_subject(logs.Subject(claim.job_id, claim.attempt, claim.subdomain, claim.run_id))
            self.child.works_on(claim)
            events = self.events if self.child.emitting else None
            if events:
                events.began(claim)
            try:
                outcome = performed(self.held, claim, self._perform)
                self.done += 1
                over = self.clock() >= until or self.worn_out or self.child.stopping
                over = over or self.child.pauses != self._pauses
                self.unfit = outcome.reason if isinstance(outcome, HandedBack) else None
                following = self._record(claim, outcome, None if over else claimant) if outcome else None
            finally:
                self.child.rest()
            if outcome:
                seconds = self.clock() - began
                logger.info("%s ended after %.3f s: %s", claim.job_type, seconds, outcome)
                if isinstance(outcome, Completed) and outcome.lost:
                    logger.warning("job %s: %s", claim, outcome.lost)
                if events:
                    events.ended(claim, outcome, seconds)
            logs.set_subject(None)
            claim = following
        if last is not None:
            self._search.end(queue, last)

    def _claim_first(self, claimant: Claimant) -> Claim | None:
        """Claim the first job of a slice, for as long as the database is away."""
        try:
            return self._first(claimant)
        except DatabaseUnavailable as error:
            logger.warning("queue %s waits for the database: %s", claimant.queue, error)
            return _until_the_database_is_back(self._first_again, claimant)

    def _first(self, claimant: Claimant) -> Claim | None:
        if self._fresh:
            self._end_what_was_left()
        if self.child.pauses != self._pauses:
            self._look_for_pauses()
        # Before we look: a job that we do not see then brings its own message.
        with self.held.statement() as connection:
            publications.answered(connection, claimant.queue)
        paused = self._claims.paused
        if paused.everything or claimant.queue in paused.queues:
            return None
        try:
            with self.held.statement() as connection:
                return self._claims.next(connection, claimant)
        except DatabaseUnavailable:
            raise
        except BaseException:
            self._fresh = True
            raise

    def _look_for_pauses(self) -> None:
        number = self.child.pauses
        with self.held.statement() as connection:
            paused = paused_now(connection)
        if paused != self._claims.paused:
            self._claims = Claims(self._known.job_types, paused)
        self._pauses = number

    def _first_again(self, claimant: Claimant) -> Claim | None:
        """Claim again, unless we own a job already: the claim was recorded, and only its answer was lost."""
        if not self._fresh and (owned := self._owned()):
            return owned[0]
        return self._first(claimant)

    def _owned(self) -> list[Claim]:
        with self.held.statement() as connection:
            return leases.running_in(connection, self.instance, self.pid)

    def _end_what_was_left(self) -> None:
        """End a job that is recorded as ours, and that we know nothing of."""
        with self.held.transaction() as connection:
            for left in leases.running_in(connection, self.instance, self.pid):
                leases.lost(connection, left, "Its process went on without recording an end.")
        self._fresh = False

    def _record(self, claim: Claim, outcome: Settle, claimant: Claimant | None) -> Claim | None:
        """Record an outcome and claim the next job for `claimant`, for as long as the database is away.

        If the database rejects the outcome, that is recorded as a failure, so that the attempt still ends. If it
        rejects that too, this process ends: the keeper sees it, and ends the attempt.
        """
        try:
            try:
                return self._settle_patiently(claim, outcome, claimant)
            except Fenced:
                raise
            except Discard as refused:
                return self._settle_patiently(claim, Failed(describe(refused, plain=True), final=True), claimant)
            except Exception as refused:
                logger.exception("job %s: the database refuses its outcome", claim.job_id)
                rejected = Failed(f"The database refuses its outcome: {describe(refused)}")
                return self._settle_patiently(claim, rejected, claimant)
        except Fenced as fenced:
            logger.warning("%s Its outcome is dropped.", fenced)
            self._fresh = True
            return None
        except Exception:
            logger.critical("job %s: its end cannot be recorded; this process ends", claim.job_id, exc_info=True)
            raise SystemExit(EXIT_UNRECORDED) from None

    def _settle_patiently(self, claim: Claim, outcome: Settle, claimant: Claimant | None) -> Claim | None:
        try:
            return self._settle(claim, outcome, claimant)
        except DatabaseUnavailable as error:
            logger.warning("job %s: its outcome waits for the database: %s", claim.job_id, error)
            return _until_the_database_is_back(self._settle_again, claim, outcome, claimant)

    def _settle_again(self, claim: Claim, outcome: Settle, claimant: Claimant | None) -> Claim | None:
        """Record the outcome, unless that was done and only the answer was lost; then we may own the next job."""
        owned = self._owned()
        if not any((one.job_id, one.attempt) == (claim.job_id, claim.attempt) for one in owned):
            logger.info("job %s: its end is recorded already, or another attempt owns it", claim.job_id)
            return owned[0] if owned else None
        return self._settle(claim, outcome, claimant)

    def _settle(self, claim: Claim, outcome: Settle, claimant: Claimant | None) -> Claim | None:
        if isinstance(outcome, HandedBack):
            claimant = None  # what kept this job from being called would keep the next
        short = self._in_one_statement and claim.left > 1
        if claimant and short and isinstance(outcome, Completed) and outcome.plain:
            recorded, following = self._complete_and_next(claim, outcome.result, claimant)
            if recorded:
                return following
        with self.held.transaction() as connection:
            available = outcome(connection, claim)
            if claim.limit_key:
                self._give_place(connection, claim.limit_key)
            # Jobs that became available may be for others: the slice ends, and they are published.
            return None if available or claimant is None else self._claims.next(connection, claimant)

    def _complete_and_next(self, claim: Claim, result: Any, claimant: Claimant) -> tuple[bool, Claim | None]:
        ahead = self._search.goes_ahead()
        with self.held.statement() as connection:
            recorded, following = self._claims.complete_and_next(
                connection, claim, claimant, result=result, ahead=ahead
            )
        if recorded and claim.limit_key:
            # The relay does it if this process ends before.
            with self.held.statement() as connection:
                is_due = limits.may_admit(connection, claim.limit_key)
            if is_due:
                with self.held.transaction() as connection:
                    self._give_place(connection, claim.limit_key)
        if recorded and following is None and (ahead or claim.limit_key):
            with self.held.statement() as connection:
                following = self._claims.next(connection, claimant)
        return recorded, following

    def _give_place(self, connection: Connection, limit_key: str) -> None:
        """Give the place of a job that has ended to those that its limit holds."""
        paused = self._claims.paused
        if paused == NOTHING_PAUSED:
            limits.admit_next(connection, limit_key)
        else:
            limits.admit(connection, limit_key, paused)


_until_the_database_is_back = Retrying(
    retry=retry_if_exception_type(DatabaseUnavailable), wait=wait_random_exponential(0.1, max=5)
)


def most_jobs(most: int | None, place: int) -> int | None:
    """Return how many jobs the child in a place does, in some fewer: children are not all replaced at once."""
    return most and most - most // 20 * (place % 5)


@part
def executor() -> Executor:
    """Return this pool child's executor."""
    engine = create_engine(settings().database_url, durable=False)
    place, most = current_process().index, current_app.conf.worker_max_tasks_per_child
    return Executor(
        HeldConnection(engine),
        Child(os.environ[CHILDREN_VARIABLE], place),
        instance=os.environ[INSTANCE_VARIABLE],
        lease=settings().lease_term,
        most=most_jobs(most, place),
        events=Events(os.environ[EVENTS_VARIABLE]),
    )
