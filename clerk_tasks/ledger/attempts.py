"""The end of an attempt, from the worker's side: complete, fail, stop, hand back.

Every transition runs in the caller's transaction and is guarded by the state and the attempt it starts from; one
that finds another attempt in place raises Fenced, so that the transaction changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Text, bindparam, insert, select, update

from clerk.database.clock import now
from clerk.database.literals import constant
from clerk.database.states import JobState
from clerk.database.tables import attempts_table as attempts
from clerk.database.tables import jobs_table as jobs
from clerk.jobs import Cancel, Fenced
from clerk_tasks.ledger.backoff import wait
from clerk_tasks.ledger.children import add_children, add_children_now
from clerk_tasks.ledger.claims import COMPLETED, MINE, OVER, Claim, as_json
from clerk_tasks.ledger.compiled import Compiled
from clerk_tasks.ledger.insert import Message, NewJob
from clerk_tasks.ledger.stages import count_down

_COMPLETE = Compiled(update(jobs).where(*MINE).values(COMPLETED).returning(jobs.c.id))
_NOTE_AT_END = update(jobs).where(jobs.c.id == bindparam("b_id")).values(note=bindparam("b_note"))
_RETRY_LATER = (
    update(jobs)
    .where(*MINE)
    .values(
        OVER
        | {"state": constant(JobState.RETRYABLE), "due_at": now(bindparam("b_delay")), "error": bindparam("b_error")}
    )
)
_END = (
    update(jobs)
    .where(*MINE)
    .values(OVER | {"state": bindparam("b_state"), "finished_at": now(), "error": bindparam("b_error")})
)
# Handed back: not counted as an attempt.
_HAND_BACK = _RETRY_LATER.values(max_attempts=jobs.c.max_attempts + 1)
# Written before the job's row changes, from what it still says of this attempt.
_REMEMBER = insert(attempts).from_select(
    [
        *("job_id", "attempt", "instance", "pid", "started_at", "lease_until"),
        *("outcome", "error", "traceback", "finished_at"),
    ],
    select(
        *(jobs.c.id, jobs.c.attempt, jobs.c.instance, jobs.c.pid, jobs.c.started_at, jobs.c.lease_until),
        *(bindparam(name, type_=Text) for name in ("b_outcome", "b_error", "b_traceback")),
        now(),
    ).where(*MINE),
)
_OWNED = select(jobs.c.cancel_requested_at).where(*MINE)
_CANCELLED_BY = select(jobs.c.note).where(*MINE, jobs.c.cancel_requested_at.is_not(None))
# Once a cancel is requested, the note says by whom.
_NOTE = update(jobs).where(*MINE, jobs.c.cancel_requested_at.is_(None)).values(note=bindparam("b_note"))


def complete(
    connection: Connection, claim: Claim, *, result: Any, children: Sequence[NewJob] = (), note: str | None = None
) -> list[Message]:
    """Record success, the children and the stages' counts together; return the messages to publish after commit.

    `note` says what is remarkable about the result.
    A job that was asked to cancel and comes back with children is cancelled instead, and its children are not made.
    Raises Fenced if this attempt no longer owns the job, Discard if a child names no later stage of its run.
    """
    if children and check_owned(connection, claim, lock=True):
        return stop(connection, claim, "the jobs that it asked for were not made")
    done = _COMPLETE(connection, {"b_id": claim.job_id, "b_attempt": claim.attempt, "b_result": as_json(result)})
    _fence(claim, 0 if done is None else 1)
    if note:
        connection.execute(_NOTE_AT_END, {"b_id": claim.job_id, "b_note": note})
    if not children:
        return count_down(connection, claim.stage_id, ended=JobState.COMPLETED)
    return add_children(connection, children, run_id=claim.run_id, stage_id=claim.stage_id)


def spawn_now(connection: Connection, claim: Claim, children: Sequence[NewJob]) -> list[Message]:
    """Record children of a job that goes on, for workers to begin at once; return the messages to publish after commit.

    Raises Fenced if this attempt no longer owns the job, Cancel if it was asked to cancel, Discard if a child names no
    later stage of its run.
    """
    if check_owned(connection, claim, lock=True):
        raise Cancel("it was cancelled before it asked for further jobs")
    return add_children_now(connection, children, run_id=claim.run_id, stage_id=claim.stage_id)


def _fence(claim: Claim, changed: int) -> None:
    if changed != 1:
        raise Fenced(f"Job {claim.job_id} is no longer attempt {claim.attempt}'s.")


def fail(
    connection: Connection,
    claim: Claim,
    error: str,
    *,
    outcome: str | None = None,
    delay: float | None = None,
    final: bool = False,
    traceback: str | None = None,
) -> tuple[JobState, list[Message]]:
    """Record a failed attempt: retryable after `delay` seconds (None: by the backoff), or discarded.

    It is discarded when `final` or when no attempt is left, cancelled if that was asked for meanwhile. `outcome` is
    the attempt's word in the history, by default the job's new state. Raises Fenced if this attempt no longer owns
    the job.
    """
    if check_owned(connection, claim, lock=True):
        return JobState.CANCELLED, stop(connection, claim, f"it then failed: {error}")
    retry = not final and claim.attempt < claim.max_attempts
    state = JobState.RETRYABLE if retry else JobState.DISCARDED
    _remember(connection, claim, outcome or state, error, traceback)
    values = {"b_id": claim.job_id, "b_attempt": claim.attempt, "b_error": error}
    if retry:
        seconds = wait(delay, attempt=claim.attempt, base=claim.backoff_base, cap=claim.backoff_cap)
        ended = connection.execute(_RETRY_LATER, values | {"b_delay": seconds})
    else:
        ended = connection.execute(_END, values | {"b_state": state.value})
    _fence(claim, ended.rowcount)
    return state, [] if retry else count_down(connection, claim.stage_id, ended=state)


def stop(connection: Connection, claim: Claim, reason: str) -> list[Message]:
    """Record that a running job was cancelled, by whom and how it ended; Fenced if this attempt no longer owns it."""
    check_owned(connection, claim, lock=True)
    by = connection.execute(_CANCELLED_BY, {"b_id": claim.job_id, "b_attempt": claim.attempt}).scalar()
    reason = f"{by}; {reason}" if by else reason
    _remember(connection, claim, JobState.CANCELLED, reason, None)
    values = {"b_error": reason, "b_state": JobState.CANCELLED.value}
    ended = connection.execute(_END, {"b_id": claim.job_id, "b_attempt": claim.attempt} | values)
    _fence(claim, ended.rowcount)
    return count_down(connection, claim.stage_id, ended=JobState.CANCELLED)


def hand_back(
    connection: Connection, claim: Claim, reason: str, *, delay: float = 0.0, outcome: str = "handed-back"
) -> list[Message]:
    """Give a running job back unfinished, without counting the attempt, for a worker to take in `delay` seconds.

    `outcome` is the attempt's word in the history. A job that was asked to cancel is cancelled. Raises Fenced if this
    attempt no longer owns the job.
    """
    if check_owned(connection, claim, lock=True):
        return stop(connection, claim, reason)
    _remember(connection, claim, outcome, reason, None)
    values = {"b_id": claim.job_id, "b_attempt": claim.attempt, "b_delay": delay, "b_error": reason}
    given = connection.execute(_HAND_BACK, values)
    _fence(claim, given.rowcount)
    return []


def _remember(connection: Connection, claim: Claim, outcome: str, error: str, traceback: str | None) -> None:
    """Keep the history of an attempt that did not complete; its job's row is locked."""
    connection.execute(
        _REMEMBER,
        {
            "b_id": claim.job_id,
            "b_attempt": claim.attempt,
            "b_outcome": str(outcome),
            "b_error": error,
            "b_traceback": traceback,
        },
    )


def check_owned(connection: Connection, claim: Claim, *, lock: bool = False) -> bool:
    """Return whether the job was asked to cancel; raise Fenced if this attempt no longer owns it.

    With `lock` no other attempt can start until the transaction ends.
    """
    row = connection.execute(
        _OWNED.with_for_update() if lock else _OWNED, {"b_id": claim.job_id, "b_attempt": claim.attempt}
    ).first()
    if row is None:
        raise Fenced(f"Job {claim.job_id} is no longer attempt {claim.attempt}'s.")
    return row.cancel_requested_at is not None


def held_elsewhere(connection: Connection, claim: Claim) -> bool:
    """Lock the row of a job for this transaction; return whether another one has it: the job's own `fence()`, say."""
    values = {"b_id": claim.job_id, "b_attempt": claim.attempt}
    return (
        connection.execute(_OWNED.with_for_update(skip_locked=True), values).first() is None
        and connection.execute(_OWNED, values).first() is not None
    )


def note(connection: Connection, claim: Claim, text: str) -> None:
    """Say what a running job is doing."""
    connection.execute(_NOTE, {"b_id": claim.job_id, "b_attempt": claim.attempt, "b_note": text})
