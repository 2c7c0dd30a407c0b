"""What can come of one attempt, and how each outcome is recorded."""

from __future__ import annotations

import inspect
import json
import reprlib
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from clerk.errors import DatabaseUnavailable
from clerk.jobs import Retry, Snooze
from clerk.redaction import storable
from clerk.settings import settings
from clerk_tasks.job_types.arguments import MAX_BYTES
from clerk_tasks.ledger import attempts
from clerk_tasks.ledger.backoff import LONGEST_WAIT, backoff
from clerk_tasks.ledger.claims import Claim
from clerk_tasks.ledger.insert import Message, NewJob

#: An outcome: it records itself in a transaction, and returns the jobs that became available.
Settle = Callable[[Connection, Claim], list[Message]]


#: The most attempts of a job whose code is wrong, which another attempt rarely mends: but what these say may also come
#: from a page that was there in part, or from a deployment that was half done.
_ERRORS_OF_CODE = {(NotImplementedError,): 1, (TypeError, AttributeError, NameError, ImportError, SyntaxError): 2}


#: How many attempts at one job may end without the database's answer before that counts.
MOST_UNANSWERED = 10


@dataclass(frozen=True, slots=True)
class Completed:
    """The function returned; `result` is JSON or None, and `lost` says why it is None although there was one."""

    result: Any
    children: Sequence[NewJob] = ()
    lost: str | None = None

    @property
    def plain(self) -> bool:
        """Whether it has nothing to record besides the result."""
        return not (self.children or self.lost)

    def __str__(self) -> str:
        return f"completed, {len(self.children)} children" if self.children else "completed"

    def __call__(self, connection: Connection, claim: Claim) -> list[Message]:
        """Record it."""
        return attempts.complete(connection, claim, result=self.result, children=self.children, note=self.lost)


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
class HandedBack:
    """The function was not called, for a reason that is not the job's; it waits by the backoff, uncounted."""

    reason: str

    def __str__(self) -> str:
        return f"waits: {self.reason}"

    def __call__(self, connection: Connection, claim: Claim) -> list[Message]:
        """Record it."""
        delay = backoff(claim.attempt, base=claim.backoff_base, cap=claim.backoff_cap)
        return attempts.hand_back(connection, claim, self.reason, delay=delay)


@dataclass(frozen=True, slots=True)
class Snoozed:
    """The function asked to run again in `delay` seconds; this attempt does not count."""

    reason: str
    delay: float

    def __str__(self) -> str:
        return f"snoozed for {self.delay:g} s: {self.reason}"

    def __call__(self, connection: Connection, claim: Claim) -> list[Message]:
        """Record it."""
        return attempts.hand_back(connection, claim, self.reason, delay=self.delay, outcome="snoozed")


def check_has_run(value: Any) -> None:
    """Raise TypeError for what a function returns whose body has not run: a coroutine, a generator, an awaitable."""
    if value is None:
        return
    if inspect.isgenerator(value) or inspect.isasyncgen(value) or inspect.isawaitable(value):
        if inspect.iscoroutine(value):
            value.close()
        raise TypeError(f"it returned a {type(value).__name__}, so its body has not run: it must be a plain function")


def completed(value: Any, children: Sequence[NewJob] = ()) -> Completed:
    """Return the success of a function; what it returned is kept if it is JSON of a reasonable size, else why not."""
    if value is None:
        return Completed(None, children)
    try:
        text = json.dumps(value, allow_nan=False)
    except Exception as error:  # the author's own types
        return Completed(None, children, f"its result is not recorded: it is not JSON: {describe(error)}")
    if len(text) > MAX_BYTES:
        size = f"its {len(text) / 1024:.1f} kB of JSON are more than {MAX_BYTES // 1024} kB"
        return Completed(None, children, f"its result is not recorded: {size}")
    return Completed(json.loads(text), children)


def failed(error: BaseException, claim: Claim) -> Failed:
    """Return the failure of a function that raised, with its traceback; an error of its code is final sooner."""
    text = storable("".join(traceback.format_exception(error)))[-8000:]
    most = next((number for kinds, number in _ERRORS_OF_CODE.items() if isinstance(error, kinds)), claim.max_attempts)
    if claim.attempt < most or claim.attempt >= claim.max_attempts:
        return Failed(describe(error), text)
    return Failed(f"{describe(error)[:1900]} (not tried again: an error of the code)", text, final=True)


def unanswered(error: DatabaseUnavailable, claim: Claim) -> HandedBack | Failed:
    """Hand back a job that our database did not answer, which is not its failure, unless that happens again and again.

    It may itself be what keeps the database locked: every job ends.
    """
    return failed(error, claim) if claim.attempt > MOST_UNANSWERED else HandedBack(describe(error, plain=True))


def retried(asked: Retry) -> Failed:
    """Return the failure that a Retry asks for; an `after` that is no number means by the backoff, and is named."""
    after, reason = None, describe(asked, plain=True)
    with suppress(Exception):  # a class of the author's own
        after = asked.after
    if after is None:
        return Failed(reason)
    try:
        if isinstance(after, str | bytes):
            raise TypeError
        return Failed(reason, delay=float(after))
    except OverflowError:
        return Failed(reason, delay=LONGEST_WAIT)
    except Exception:
        asked_for = storable(reprlib.repr(after))
        return Failed(f"{reason} (after={asked_for} is not a number of seconds, so the backoff decides)"[:2000])


def snoozed(asked: Snooze) -> Snoozed | Failed:
    """Return the snooze that a Snooze asks for; a failure if its `seconds` is no number, in a class of the author's."""
    try:
        return Snoozed(describe(asked, plain=True), min(float(asked.seconds), LONGEST_WAIT))
    except Exception as error:
        return Failed(f"{describe(asked, plain=True)} (its seconds are no number: {describe(error)})"[:2000])


def describe(error: BaseException, *, plain: bool = False) -> str:
    """Return one line: the error's type, unless `plain`, and its message, without secrets."""
    name, text = "an error that cannot be named", ""
    with suppress(BaseException):  # the author's own __str__, or metaclass
        name = str(type(error).__name__)
        text = " ".join(str(error).split())
    if isinstance(error, MemoryError) and (limit := settings().memory_limit):
        text = f"{text} (a job may hold CLERK_MEMORY_LIMIT={limit} MiB)".strip()
    kind = "" if plain and text else name + (": " if text else "")
    return storable(f"{kind}{text}")[:2000]
