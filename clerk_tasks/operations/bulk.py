"""Act on all jobs that match a filter: in transactions of a thousand, in a row of `acts`, until done or stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection

from clerk.acts import ActState, advance_act, begin_act, end_act, operator
from clerk.database.literals import batched
from clerk.database.states import JobState
from clerk.database.transactions import reading, transaction
from clerk.errors import ClerkError, UsageError
from clerk_tasks.dispatcher import publish
from clerk_tasks.ledger.insert import Message
from clerk_tasks.ledger.job_filter import JobFilter, matching
from clerk_tasks.ledger.retries import UniqueKeyTaken
from clerk_tasks.operations.job_filters import check_filter

#: How often a transaction is made again that another one has foiled.
_TRIES = 3


class PartDone(NamedTuple):
    """What one transaction did: to which jobs, the messages to publish, and why others were refused."""

    job_ids: Sequence[str]
    messages: Sequence[Message] = ()
    refused: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class BulkAct:
    """What can be done to many jobs: `act` does it to some, and skips those that have changed since they were found."""

    name: str
    past: str
    states: tuple[JobState, ...]
    act: Callable[[Connection, Sequence[str]], PartDone]
    #: The states of the jobs that are meant if none is named.
    default: tuple[JobState, ...] = ()
    #: What else has to hold of a job.
    also: tuple[ColumnElement[bool], ...] = ()
    #: What follows the filter in the description, as ` to queue ocr`.
    suffix: str = ""
    #: Says what `act` would do, where that is not all of it.
    foresee: Callable[[Connection, Sequence[str]], PartDone] | None = None


@dataclass(slots=True)
class BulkResult:
    """How far a bulk act is, or came; `id` is that of its row, None for a dry run and where nothing matched."""

    act: str
    what: str
    by: str
    reason: str | None
    matched: int
    id: int | None = None
    state: str = ActState.DONE.value
    stopped_by: str | None = None
    job_ids: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    dry_run: bool = False

    def summary(self) -> dict[str, Any]:
        """Return it without the jobs, as JSON has it."""
        return {
            **{name: getattr(self, name) for name in ("id", "act", "what", "by", "reason", "state", "matched")},
            "done": len(self.job_ids),
            "refused": len(self.refused),
            "stopped_by": self.stopped_by,
            "dry_run": self.dry_run,
        }


def find_jobs(act: BulkAct, chosen: JobFilter, *, everything: bool) -> list[str]:
    """Return the ids of the jobs that an act on all that match is about, oldest first.

    Raises UsageError for a state that the act does not take, and for a filter that every job matches unless
    `everything` is meant; NotFoundError for a site, job type, run or queue that does not exist.
    """
    if chosen.state is not None and chosen.state not in act.states:
        raise UsageError(f"Jobs that are {chosen.state} cannot be {act.past}; use {_or(act.states)}.")
    if not (everything or chosen.narrows(act.states)):
        raise UsageError(f"Name jobs by id, or choose them by a filter; every job that can be {act.past}: --all.")
    with reading() as connection:
        check_filter(connection, chosen)
        return matching(connection, chosen, act.default or act.states, *act.also)


def _or(states: Sequence[JobState]) -> str:
    *others, last = states
    return f"{', '.join(others)} or {last}" if others else last


def run_bulk(
    act: BulkAct,
    chosen: JobFilter,
    *,
    reason: str | None = None,
    everything: bool = False,
    dry_run: bool = False,
    is_stopped: Callable[[], bool] = lambda: False,
    progress: Callable[[BulkResult], object] = lambda _: None,
) -> BulkResult:
    """Act on all jobs that match, and return what was done; with `dry_run`, what would be.

    The jobs are those that match now. Between two transactions it looks whether `is_stopped()` or an operator asked for
    its end; `progress` is called after each. Raises what `find_jobs` raises.
    """
    ids = find_jobs(act, chosen, everything=everything)
    what = f"jobs {chosen}".strip() if chosen.narrows(()) else "every job"
    result = BulkResult(act.name, what + act.suffix, operator(), reason, len(ids), dry_run=dry_run)
    if dry_run:
        return _foresee(act, ids, result)
    if not ids:
        return result
    with transaction() as connection:
        result.id = begin_act(connection, act.name, result.what, matched=len(ids), reason=reason)
    try:
        _run(act, ids, result, is_stopped, progress)
    except Exception:
        _end(result, ActState.FAILED)
        raise
    _end(result, ActState.STOPPED if result.stopped_by else ActState.DONE)
    return result


def _foresee(act: BulkAct, ids: Sequence[str], result: BulkResult) -> BulkResult:
    result.job_ids = list(ids)
    if act.foresee is not None:
        with reading() as connection:
            part = act.foresee(connection, ids)
        result.job_ids, result.refused = list(part.job_ids), list(part.refused)
    return result


def _run(
    act: BulkAct,
    ids: Sequence[str],
    result: BulkResult,
    is_stopped: Callable[[], bool],
    progress: Callable[[BulkResult], object],
) -> None:
    is_published = True
    for some in batched(ids):
        if is_stopped():
            result.stopped_by = result.by
        if result.stopped_by is not None:
            return
        part, result.stopped_by = _transact(act, some, result)
        result.job_ids += part.job_ids
        result.refused += part.refused
        # Where the broker is away, that is said once: relays publish the rest.
        is_published = is_published and publish(part.messages)
        progress(result)
    result.stopped_by = None  # too late: everything is done


def _transact(act: BulkAct, ids: Sequence[str], result: BulkResult) -> tuple[PartDone, str | None]:
    """Act on some jobs; return what was done, and who wants the act to end."""
    assert result.id is not None, "it was begun"  # noqa: S101
    for last in (*[False] * (_TRIES - 1), True):
        try:
            with transaction() as connection:
                part = act.act(connection, ids)
                done, refused = len(part.job_ids), len(part.refused)
                return part, advance_act(connection, result.id, done=done, refused=refused)
        except UniqueKeyTaken:  # by a job that was enqueued meanwhile, which the next look finds
            if last:
                raise
    raise AssertionError


def _end(result: BulkResult, state: ActState) -> None:
    """Record the end; if the database is away, the row says how far it came."""
    assert result.id is not None, "it was begun"  # noqa: S101
    result.state = state.value
    with suppress(ClerkError), transaction() as connection:
        end_act(connection, result.id, state, stopped_by=result.stopped_by)
