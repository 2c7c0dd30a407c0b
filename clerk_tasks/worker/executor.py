"""Execute one job in a pool child: claim, call the plain function, record what came of it."""

from __future__ import annotations

import json
import logging
import os
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection
from tenacity import Retrying, retry_if_exception_type, wait_random_exponential

from clerk.application import part
from clerk.database.engine import create_engine
from clerk.database.held import HeldConnection
from clerk.database.transactions import fenced
from clerk.errors import DatabaseUnavailable
from clerk.jobs import Cancel, Discard, Fenced, JobContext, Retry, running
from clerk.redaction import storable
from clerk.settings import settings
from clerk_tasks.dispatcher import new_job, publish
from clerk_tasks.job_types.arguments import MAX_BYTES, call_arguments
from clerk_tasks.job_types.registry import registry
from clerk_tasks.ledger import attempts, leases
from clerk_tasks.ledger.attempts import Claim
from clerk_tasks.ledger.backoff import backoff
from clerk_tasks.ledger.insert import Message, NewJob
from clerk_tasks.worker import memory_limit, sandbox
from clerk_tasks.worker.pool_initialisers import pool_initialisers

logger = logging.getLogger(__name__)

_STOPPED = "it stopped at a checkpoint"

#: The environment variable that gives a worker's children its instance id.
INSTANCE_VARIABLE = "CLERK_INSTANCE"

#: A transition that settles a claim: it records an outcome and returns the messages to publish.
Settle = Callable[[Connection, Claim], list[Message]]


@dataclass(frozen=True, slots=True)
class Completed:
    """The function returned; `result` is JSON or None."""

    result: Any
    children: Sequence[NewJob] = ()

    def __str__(self) -> str:
        return f"completed, {len(self.children)} children" if self.children else "completed"

    def __call__(self, connection: Connection, claim: Claim) -> list[Message]:
        """Record it."""
        return attempts.complete(connection, claim, result=self.result, children=self.children)


@dataclass(frozen=True, slots=True)
class Failed:
    """The function raised; `delay` is in seconds, None means by the backoff."""

    error: str
    traceback: str | None = None
    delay: float | None = None
    final: bool = False

    def __str__(self) -> str:
        return f"failed: {self.error}"

    def __call__(self, connection: Connection, claim: Claim) -> list[Message]:
        """Record it."""
        return attempts.fail(
            connection, claim, self.error, delay=self.delay, final=self.final, traceback=self.traceback
        )[1]


@dataclass(frozen=True, slots=True)
class Stopped:
    """The function stopped because the job was cancelled."""

    reason: str

    def __str__(self) -> str:
        return self.reason

    def __call__(self, connection: Connection, claim: Claim) -> list[Message]:
        """Record it."""
        return attempts.stop(connection, claim, self.reason)


@dataclass(frozen=True, slots=True)
class Unprepared:
    """The function was not called, since its worker pool is not ready; the job waits by the backoff."""

    reason: str

    def __str__(self) -> str:
        return f"waits: {self.reason}"

    def __call__(self, connection: Connection, claim: Claim) -> list[Message]:
        """Record it."""
        delay = backoff(claim.attempt, base=claim.backoff_base, cap=claim.backoff_cap)
        return attempts.hand_back(connection, claim, self.reason, delay=delay)


class RunningJob(JobContext):
    """What a function sees of the job that this process has claimed."""

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


@dataclass(slots=True)
class Executor:
    """One process's executor: it runs one job at a time, and holds one connection to the database."""

    held: HeldConnection
    instance: str
    lease: float  # seconds
    pid: int = field(default_factory=os.getpid)
    _settled: bool = False  # no earlier attempt of this process can still be recorded as running

    def run(self, job_id: str) -> None:
        """Execute a job if it is there to be claimed; a duplicate delivery, or a cancelled job, is nothing to do."""
        claim = self._claim_patiently(job_id)
        if claim is None:
            logger.debug("job %s is not there to be claimed", job_id)
            return
        began = time.monotonic()
        outcome = self._perform(claim)
        if outcome is not None:
            self._record(claim, outcome)
            logger.info("job %s: %s in %.3f s", claim, outcome, time.monotonic() - began)
        self._settled = True

    def _claim_patiently(self, job_id: str) -> Claim | None:
        """Claim a job, for as long as the database is away: it may have us down as its owner by now."""
        try:
            return self._claim(job_id)
        except DatabaseUnavailable as error:
            logger.warning("job %s waits for the database: %s", job_id, error)
            return _until_the_database_is_back(self._claim, job_id)

    def _claim(self, job_id: str) -> Claim | None:
        if not self._settled:
            self._end_what_was_left()
        self._settled = False  # a claim whose answer is lost leaves us a job that we know nothing of
        with self.held.statement() as connection:
            claim = attempts.claim(connection, job_id, instance=self.instance, pid=self.pid, lease=self.lease)
        self._settled = claim is None
        return claim

    def _end_what_was_left(self) -> None:
        """End a job that this process, or one with its process id, owned and never ended."""
        messages: list[Message] = []
        with self.held.transaction() as connection:
            for left in leases.running_in(connection, self.instance, self.pid):
                messages += leases.lost(connection, left, "Its process went on without recording an end.")
        self._settled = True
        publish(messages, on=self.held.engine)

    def _perform(self, claim: Claim) -> Settle | None:
        """Call the job's function; return how to record the outcome, None if another attempt took over meanwhile."""
        context = RunningJob(claim, self.held)
        try:
            known = registry()
            job_type = known.get(claim.job_type).job_type
            pool = known.pool_of_queue(job_type.queue)
            if pool is not None and (problem := pool_initialisers().problem(pool)):
                return Unprepared(storable(problem))
            function = job_type.function
            arguments = call_arguments(function, claim.run_id, json.loads(claim.arguments))
            with running(context), sandbox.restored(), memory_limit.limited(settings().memory_limit):
                with sandbox.forked_copies_exit():
                    value = function(claim.subdomain, **arguments)
                return Completed(_as_json(value), [new_job(child, known) for child in context.children])
        except Fenced:
            logger.warning("job %s: another attempt has taken over from attempt %s", claim.job_id, claim.attempt)
            return None
        except Cancel as cancelled:
            return Stopped(_describe(cancelled, plain=True))
        except Retry as later:
            return Failed(_describe(later, plain=True), delay=later.after)
        except Discard as final:
            return Failed(_describe(final, plain=True), final=True)
        except BaseException as error:  # SystemExit, KeyboardInterrupt and MemoryError are the job's failures too
            return Failed(_describe(error), traceback=storable("".join(traceback.format_exception(error)))[-8000:])

    def _record(self, claim: Claim, outcome: Settle) -> None:
        """Record an outcome, for as long as the database is away, until it is recorded or we are fenced off."""
        try:
            messages = self._settle_somehow(claim, outcome)
        except Fenced as fenced:
            logger.warning("%s Its outcome is dropped.", fenced)
            return
        if messages:
            publish(messages, on=self.held.engine)

    def _settle_somehow(self, claim: Claim, outcome: Settle) -> list[Message]:
        """Record the outcome; if the database rejects it, record that as a failure, so that the attempt still ends."""
        try:
            return self._settle(claim, outcome)
        except Fenced:
            raise
        except Discard as refused:
            return self._settle(claim, Failed(_describe(refused, plain=True), final=True))
        except Exception as refused:
            logger.exception("job %s: the database refuses its outcome", claim.job_id)
            return self._settle(claim, Failed(f"The database refuses its outcome: {_describe(refused)}"))

    def _settle(self, claim: Claim, outcome: Settle) -> list[Message]:
        try:
            return self._settle_once(claim, outcome)
        except DatabaseUnavailable as error:
            logger.warning("job %s: its outcome waits for the database: %s", claim.job_id, error)
            return _until_the_database_is_back(self._settle_once, claim, outcome)

    def _settle_once(self, claim: Claim, outcome: Settle) -> list[Message]:
        with self.held.transaction() as connection:
            return outcome(connection, claim)


_until_the_database_is_back = Retrying(
    retry=retry_if_exception_type(DatabaseUnavailable), wait=wait_random_exponential(0.1, max=5)
)


def _as_json(value: Any) -> Any:
    """Return what a function returned if it is JSON of a reasonable size, else None: a courtesy, not a channel."""
    try:
        text = json.dumps(value, allow_nan=False)
    except Exception:  # the author's own types
        return None
    return json.loads(text) if len(text) <= MAX_BYTES else None


def _describe(error: BaseException, *, plain: bool = False) -> str:
    """Return one line: the error's type, unless `plain`, and its message, without secrets."""
    name, text = "an error that cannot be named", ""
    with suppress(BaseException):  # the author's own __str__, or metaclass
        name = str(type(error).__name__)
        text = " ".join(str(error).split())
    if isinstance(error, MemoryError) and (limit := settings().memory_limit):
        text = f"{text} (a job may hold CLERK_MEMORY_LIMIT={limit} MiB)".strip()
    kind = "" if plain and text else name + (": " if text else "")
    return storable(f"{kind}{text}")[:2000]


@part
def executor() -> Executor:
    """Return this pool child's executor."""
    engine = create_engine(settings().database_url, durable=False)
    return Executor(HeldConnection(engine), os.environ[INSTANCE_VARIABLE], settings().lease_term)
