"""What an operator does to jobs and runs: cancel, and retry by hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, bindparam, case, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from clerk.database.clock import now
from clerk.database.literals import constant, one_of
from clerk.database.states import FINISHED, UNFINISHED, JobState, RunState, StageState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import runs_table as runs
from clerk.database.tables import stages_table as stages
from clerk.errors import ConflictError, missing
from clerk_tasks.ledger.insert import Message
from clerk_tasks.ledger.stages import ASKED_TO_CANCEL, cancel_waiting, count_again, count_down

_HELD = select(jobs.c.state, jobs.c.stage_id).where(jobs.c.id == bindparam("b_id")).with_for_update()
_CANCEL = (
    update(jobs)
    .where(jobs.c.id == bindparam("b_id"))
    .values({"state": constant(JobState.CANCELLED), "finished_at": now(), "note": bindparam("b_note")})
)
_REQUEST_CANCEL = (
    update(jobs).where(jobs.c.id == bindparam("b_id")).values(cancel_requested_at=now(), note=bindparam("b_note"))
)
_ASK_RUN = update(runs).where(runs.c.id == bindparam("b_run")).values(options=ASKED_TO_CANCEL)
_HOLD_UNFINISHED = select(func.count()).select_from(
    select(jobs.c.id)
    .where(
        jobs.c.run_id == bindparam("b_run"),
        one_of(jobs.c.state, UNFINISHED),
        # Those that wait for their stage are for `cancel_waiting`.
        or_(jobs.c.state != constant(JobState.SCHEDULED), jobs.c.due_at.is_not(None)),
    )
    .order_by(jobs.c.id)
    .with_for_update()
    .subquery()
)
_ENDED_JOB = select(jobs.c.state, jobs.c.stage_id, jobs.c.unique_key).where(jobs.c.id == bindparam("b_id"))
_RETRY = (
    update(jobs)
    .where(jobs.c.id == bindparam("b_id"), jobs.c.state == bindparam("b_state"))
    .values(
        state=constant(JobState.AVAILABLE),
        max_attempts=case((jobs.c.max_attempts > jobs.c.attempt, jobs.c.max_attempts), else_=jobs.c.attempt + 1),
        due_at=now(),
        finished_at=None,
        cancel_requested_at=None,
        note=None,
    )
    .returning(jobs.c.id, jobs.c.job_type, jobs.c.queue, jobs.c.priority)
)
_WAIT_AGAIN = update(jobs).where(jobs.c.id == bindparam("b_id")).values(state=constant(JobState.SCHEDULED), due_at=None)


def hold(connection: Connection, job_ids: Iterable[str]) -> None:
    """Lock jobs that are about to be changed in one transaction, and then the stages that they are of."""
    rows = connection.execute(
        select(jobs.c.stage_id).where(jobs.c.id.in_(list(job_ids))).order_by(jobs.c.id).with_for_update()
    )
    of_these = stages.c.id.in_(set(rows.scalars()))
    connection.execute(select(stages.c.id).where(of_these).order_by(stages.c.id).with_for_update())


def cancel(connection: Connection, job_id: str, *, by: str) -> tuple[JobState, list[Message]]:
    """Cancel a job: at once if it waits; if it runs, ask it to stop. Returns its state and the messages to publish.

    Raises NotFoundError for an unknown job, ConflictError for one that has ended.
    """
    note = f"cancelled by {by}"
    held = connection.execute(_HELD, {"b_id": job_id}).first()
    if held is None:
        raise missing("job", job_id)
    if held.state in FINISHED:
        raise ConflictError(f"Job {job_id} has already ended: {held.state}.")
    if held.state == JobState.RUNNING:
        connection.execute(_REQUEST_CANCEL, {"b_id": job_id, "b_note": note})
        return JobState.RUNNING, []
    connection.execute(_CANCEL, {"b_id": job_id, "b_note": note})
    return JobState.CANCELLED, count_down(connection, held.stage_id, ended=JobState.CANCELLED)


def cancel_run(connection: Connection, run_id: str, *, by: str) -> list[Message]:
    """Cancel what a run has left; its running jobs are asked to stop. Raises NotFoundError or ConflictError."""
    state = connection.execute(select(runs.c.state).where(runs.c.id == run_id)).scalar()
    if state is None:
        raise missing("run", run_id)
    if state != RunState.RUNNING:
        raise ConflictError(f"Run {run_id} has already ended: {state}.")
    _hold_unfinished(connection, run_id)
    connection.execute(_ASK_RUN, {"b_run": run_id})
    cancel_waiting(connection, run_id, f"cancelled by {by}")
    unfinished = select(jobs.c.id).where(jobs.c.run_id == run_id, one_of(jobs.c.state, UNFINISHED))
    messages: list[Message] = []
    for job_id in connection.execute(unfinished.order_by(jobs.c.id)).scalars().all():
        messages += cancel(connection, job_id, by=by)[1]
    return messages


def _hold_unfinished(connection: Connection, run_id: str) -> None:
    """Lock what a run has left to do; then no other transaction can add to it."""
    held, before = 0, -1
    while held != before:  # a job that was being completed while we waited for it may have left children
        held, before = connection.execute(_HOLD_UNFINISHED, {"b_run": run_id}).scalar_one(), held


def retry(connection: Connection, job_id: str) -> Message:
    """Make an ended job available again, with its exact arguments and at least one attempt more.

    One of a stage that has not opened yet waits for that. One of a stage that has ended is not counted there again.

    Raises NotFoundError, or ConflictError when it has not ended or another unfinished job has its unique key.
    """
    row = require_retryable(connection, job_id)
    try:
        retried = connection.execute(_RETRY, {"b_id": job_id, "b_state": row.state}).first()
    except IntegrityError:
        raise ConflictError(f"Another job took {row.unique_key} just now; wait for it, or cancel it.") from None
    if retried is None:
        raise ConflictError(f"Job {job_id} was just retried by another operator.")
    if count_again(connection, row.stage_id, ended=JobState(row.state)) is StageState.WAITING:
        connection.execute(_WAIT_AGAIN, {"b_id": job_id})
    return Message._make(retried)


def require_retryable(connection: Connection, job_id: str) -> Row[Any, Any, Any]:
    """Return the state, stage and unique key of a job that can be retried; raises what `retry` raises."""
    row = connection.execute(_ENDED_JOB, {"b_id": job_id}).first()
    if row is None:
        raise missing("job", job_id)
    if row.state not in (JobState.DISCARDED, JobState.CANCELLED):
        raise ConflictError(f"Job {job_id} is {row.state}; only a discarded or cancelled job can be retried.")
    if row.unique_key is not None:
        same_key = (jobs.c.unique_key == row.unique_key, jobs.c.id != job_id, one_of(jobs.c.state, UNFINISHED))
        winner = connection.execute(select(jobs.c.id).where(*same_key)).scalar()
        if winner is not None:
            raise ConflictError(f"Job {winner} is already doing this ({row.unique_key}); wait for it, or cancel it.")
    return row
