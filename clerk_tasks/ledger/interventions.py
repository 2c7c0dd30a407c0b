"""What an operator does to jobs and runs: cancel, retry by hand, and dismiss dead letters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, Connection, bindparam, func, or_, select, update

from clerk.database.clock import now
from clerk.database.literals import batched, constant, is_in, one_of
from clerk.database.states import FINISHED, UNENDED, UNFINISHED, UNSUCCESSFUL, WAITING, JobState, RunState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import runs_table as runs
from clerk.database.tables import stages_table as stages
from clerk.errors import ConflictError, missing
from clerk_tasks.ledger.insert import MESSAGE_COLUMNS, Message
from clerk_tasks.ledger.retries import Retried, retry_jobs
from clerk_tasks.ledger.stages import ASKED_TO_CANCEL, cancel_waiting, close_if_done
from clerk_tasks.ledger.turns import forget, made_available

_CANCEL = {"state": constant(JobState.CANCELLED), "finished_at": now(), "note": bindparam("b_note")}
_REQUEST_CANCEL = {"cancel_requested_at": now(), "note": bindparam("b_note")}
_RUNNING = jobs.c.state == constant(JobState.RUNNING)
_WAITING = one_of(jobs.c.state, WAITING)
_DUE = select(*MESSAGE_COLUMNS).where(
    one_of(jobs.c.state, (JobState.SCHEDULED, JobState.RETRYABLE)), jobs.c.due_at.is_not(None)
)
_DUE_NOW = {"due_at": now(), "note": None}
_COUNT_CANCELLED = (
    update(stages)
    .where(stages.c.id == bindparam("b_stage"), one_of(stages.c.state, UNENDED))
    .values(remaining=stages.c.remaining - bindparam("b_number"), cancelled=stages.c.cancelled + bindparam("b_number"))
    .returning(stages.c.remaining)
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


#: How the note of a dismissed dead letter begins. What retries the job empties its note.
_DISMISSED = "dismissed by "
#: What holds of a dead letter that is not dismissed.
UNDISMISSED = (
    is_in(jobs.c.state, JobState.DISCARDED, UNSUCCESSFUL),
    or_(jobs.c.note.is_(None), jobs.c.note.not_like(f"{_DISMISSED}%")),
)


def hold(connection: Connection, job_ids: Iterable[str]) -> dict[str, str]:
    """Lock jobs that are about to be changed in one transaction, then their stages; return {id: state}."""
    found: dict[str, str] = {}
    held: set[int] = set()
    for some in batched(sorted(set(job_ids))):
        query = select(jobs.c.id, jobs.c.state, jobs.c.stage_id).where(jobs.c.id.in_(some))
        for row in connection.execute(query.order_by(jobs.c.id).with_for_update()):
            found[row.id] = row.state
            held.add(row.stage_id)
    # NO KEY UPDATE: a job that inserts children holds the key of their stage, and then waits for jobs that we hold.
    lock = select(stages.c.id).order_by(stages.c.id).with_for_update(key_share=True)
    for part in batched(sorted(held)):
        connection.execute(lock.where(stages.c.id.in_(part)))
    return found


def cancel(connection: Connection, job_id: str, *, by: str) -> list[Message]:
    """Cancel one job, as `cancel_jobs` does."""
    return cancel_jobs(connection, [job_id], by=by)


def cancel_jobs(connection: Connection, job_ids: Sequence[str], *, by: str) -> list[Message]:
    """Cancel jobs, all or none: at once if they wait; ask them to stop if they run. Returns the messages to publish.

    Raises NotFoundError for an unknown job, ConflictError for one that has ended.
    """
    states = hold(connection, job_ids)
    for job_id in job_ids:
        if job_id not in states:
            raise missing("job", job_id)
        if states[job_id] in FINISHED:
            raise ConflictError(f"Job {job_id} has already ended: {states[job_id]}.")
    messages: list[Message] = []
    for some in batched(sorted(states)):
        messages += _cancel(connection, jobs.c.id.in_(some), by=by)
    return messages


def _cancel(connection: Connection, which: ColumnElement[bool], *, by: str) -> list[Message]:
    """Cancel the waiting jobs among locked ones, and count them out of their stages; ask the running ones to stop."""
    note = {"b_note": f"cancelled by {by}"}
    connection.execute(update(jobs).where(which, _RUNNING).values(_REQUEST_CANCEL), note)
    numbers = select(jobs.c.stage_id, jobs.c.subdomain, func.count()).where(which, _WAITING)
    counted = connection.execute(numbers.group_by(jobs.c.stage_id, jobs.c.subdomain).order_by(jobs.c.stage_id)).all()
    connection.execute(update(jobs).where(which, _WAITING).values(_CANCEL), note)
    messages: list[Message] = []
    for stage_id, _, number in counted:
        if connection.execute(_COUNT_CANCELLED, {"b_stage": stage_id, "b_number": number}).scalar() == 0:
            messages += close_if_done(connection, stage_id)
    forget(connection, {subdomain for _, subdomain, _ in counted})
    return messages


def dismiss(connection: Connection, job_ids: Sequence[str], *, by: str) -> None:
    """Note on dead letters, all or none, that they need no retry; one that has that note keeps it.

    Raises NotFoundError for an unknown job, ConflictError for one that is no dead letter.
    """
    noted = update(jobs).where(*UNDISMISSED).values(note=f"{_DISMISSED}{by}")
    states = hold(connection, job_ids)
    for job_id in job_ids:
        if job_id not in states:
            raise missing("job", job_id)
        if states[job_id] != JobState.DISCARDED:
            raise ConflictError(f"Job {job_id} is no dead letter: {states[job_id]}.")
    for some in batched(sorted(states)):
        connection.execute(noted.where(jobs.c.id.in_(some)))


def run_now(connection: Connection, job_ids: Sequence[str]) -> list[Message]:
    """Make jobs that wait for their time available, all or none; return the messages to publish.

    Raises NotFoundError for an unknown job, ConflictError for one that does not wait for a time: it is available, runs,
    has ended, or waits for a stage of its run.
    """
    states = hold(connection, job_ids)
    due = {
        row.id: row for some in batched(sorted(states)) for row in connection.execute(_DUE.where(jobs.c.id.in_(some)))
    }
    for job_id in job_ids:
        if job_id not in states:
            raise missing("job", job_id)
        if job_id not in due:
            waits = states[job_id] == JobState.SCHEDULED
            raise ConflictError(f"Job {job_id} " + ("waits for its stage." if waits else f"is {states[job_id]}."))
    for some in batched(sorted(due)):
        connection.execute(made_available(select(jobs.c.id).where(jobs.c.id.in_(some)), _DUE_NOW))
    return [Message(row.id, row.job_type, row.queue, row.priority) for row in due.values()]


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
    return _cancel(connection, jobs.c.run_id == run_id, by=by)


def _hold_unfinished(connection: Connection, run_id: str) -> None:
    """Lock what a run has left to do; then no other transaction can add to it."""
    held, before = 0, -1
    while held != before:  # a job that was being completed while we waited for it may have left children
        held, before = connection.execute(_HOLD_UNFINISHED, {"b_run": run_id}).scalar_one(), held


def retry(connection: Connection, job_id: str) -> Retried:
    """Retry one job, as `retry_jobs` does; raises NotFoundError or ConflictError if it is refused."""
    retried = retry_jobs(connection, [job_id])
    for error in retried.refused.values():
        raise error
    return retried
