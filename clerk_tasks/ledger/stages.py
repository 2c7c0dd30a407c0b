"""The counters of a run's stages: what a job's end does to its stage, and what opens when a stage ends."""

from __future__ import annotations

import json

from sqlalchemy import Connection, Text, and_, bindparam, case, func, select, update

from clerk.database.clock import now
from clerk.database.literals import constant, one_of
from clerk.database.states import WAITING, JobState, RunState, StageState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import runs_table as runs
from clerk.database.tables import stages_table as stages
from clerk_tasks.ledger.compiled import Compiled
from clerk_tasks.ledger.insert import MESSAGE_COLUMNS, Message, grow_stage
from clerk_tasks.ledger.site_columns import project
from clerk_tasks.ledger.turns import made_available

#: The options of a run that was asked to cancel as a whole.
ASKED_TO_CANCEL = {"cancel": True}

_COUNT_DOWN = Compiled(
    update(stages)
    .where(
        stages.c.id == bindparam("b_stage"),
        one_of(stages.c.state, (StageState.OPEN, StageState.WAITING)),
    )
    .values(
        remaining=stages.c.remaining - 1,
        failed=stages.c.failed + bindparam("b_failed"),
        cancelled=stages.c.cancelled + bindparam("b_cancelled"),
    )
    .returning(stages.c.remaining)
)
# The guard that lets exactly one of the last finishers close a stage.
_CLOSE = (
    update(stages)
    .where(
        stages.c.id == bindparam("b_stage"),
        stages.c.state == constant(StageState.OPEN),
        stages.c.remaining == 0,
    )
    .values(state=constant(StageState.CLOSED), closed_at=now())
    .returning(
        *(stages.c.run_id, stages.c.position),
        *(stages.c.total, stages.c.failed, stages.c.cancelled, stages.c.tolerance),
    )
)
# NO KEY UPDATE: a transaction that inserts jobs or stages of the run shares its key; neither may wait for the other.
_HOLD_RUN = select(runs.c.id).where(runs.c.id == bindparam("b_run")).with_for_update(key_share=True)
_UNENDED = (
    select(stages.c.id, stages.c.state)
    .where(
        stages.c.run_id == bindparam("b_run"),
        one_of(stages.c.state, (StageState.OPEN, StageState.WAITING)),
    )
    .order_by(stages.c.position)
)
_OPEN = (
    update(stages)
    .where(stages.c.id == bindparam("b_stage"), stages.c.state == constant(StageState.WAITING))
    .values(state=constant(StageState.OPEN), opened_at=now())
    .returning(stages.c.remaining)
)
_WAITS = (
    jobs.c.stage_id == bindparam("b_stage"),
    jobs.c.state == constant(JobState.SCHEDULED),
    jobs.c.due_at.is_(None),
)
_HOLD_WAITING = select(func.count()).select_from(
    select(jobs.c.id).where(*_WAITS).order_by(jobs.c.id).with_for_update().subquery()
)
_CANCEL_CHILDREN = (
    update(jobs)
    .where(*_WAITS)
    .values(state=constant(JobState.CANCELLED), finished_at=now(), note="its stage was cancelled before")
)
_RELEASE = made_available(select(jobs.c.id).where(*_WAITS), {"due_at": now()}).returning(*MESSAGE_COLUMNS)
_CANCEL_JOBS = (
    update(jobs)
    .where(
        jobs.c.stage_id.in_(
            select(stages.c.id).where(
                stages.c.run_id == bindparam("b_run"),
                stages.c.position > bindparam("b_after"),
                one_of(stages.c.state, (StageState.WAITING, StageState.CANCELLED)),
            )
        ),
    )
    .values(state=constant(JobState.CANCELLED), finished_at=now(), note=bindparam("b_note"))
)
_CANCEL_WAITING_JOBS = _CANCEL_JOBS.where(jobs.c.state == constant(JobState.SCHEDULED))
# Those that `spawn_now` made, too. What runs already may finish, uncounted.
_CANCEL_UNBEGUN_JOBS = _CANCEL_JOBS.where(one_of(jobs.c.state, WAITING))
_CANCEL_WAITING_STAGES = (
    update(stages)
    .where(
        stages.c.run_id == bindparam("b_run"),
        stages.c.position > bindparam("b_after"),
        stages.c.state == constant(StageState.WAITING),
    )
    .values(
        state=constant(StageState.CANCELLED),
        closed_at=now(),
        cancelled=stages.c.cancelled + stages.c.remaining,
        remaining=0,
    )
)
# A stage none of whose jobs completed did not succeed, whatever it tolerates: its fan-out may not have happened.
_IN_VAIN = and_(stages.c.total > 0, stages.c.failed + stages.c.cancelled == stages.c.total)
# What a stage tolerates is a share of the jobs that its first one brought along.
_OUTCOME = select(
    func.max(
        case(
            (stages.c.failed == 0, 0.0),
            (_IN_VAIN, 1.0),
            else_=stages.c.failed - stages.c.tolerance * (stages.c.total - 1),
        )
    ),
    func.max(case((_IN_VAIN, 1), else_=0)),
    func.sum(stages.c.cancelled),
).where(stages.c.run_id == bindparam("b_run"))
_END_RUN = (
    update(runs)
    .where(runs.c.id == bindparam("b_run"), runs.c.state == constant(RunState.RUNNING))
    .values(
        state=case(
            (runs.c.options.cast(Text) == json.dumps(ASKED_TO_CANCEL), bindparam("b_if_asked")),
            else_=bindparam("b_state"),
        ),
        finished_at=now(),
    )
)


def count_down(connection: Connection, stage_id: int, *, ended: JobState) -> list[Message]:
    """Count one ended job out of its stage; close the stage, and open what follows, if it was the last.

    Returns the messages to publish after commit.
    """
    return close_if_done(connection, stage_id) if count_out(connection, stage_id, ended=ended) == 0 else []


def count_out(connection: Connection, stage_id: int, *, ended: JobState) -> int | None:
    """Count one ended job out of its stage; return how many remain, None for one retried after its stage closed."""
    row = _COUNT_DOWN(connection, _counts(stage_id, ended))
    return None if row is None else int(row[0])


def admit_children(connection: Connection, stage_id: int, count: int) -> list[Message]:
    """Count children, inserted as waiting, into a later stage; release them if it has opened meanwhile.

    Those of a cancelled stage are cancelled too: an operator finds them there, and may retry them.
    """
    state = grow_stage(connection, stage_id, count)
    if state is StageState.WAITING:
        return []
    if state is StageState.CANCELLED:
        connection.execute(_CANCEL_CHILDREN, {"b_stage": stage_id})
        return []
    return _release(connection, stage_id)


def hold_run(connection: Connection, run_id: str) -> None:
    """Lock a run, so that of two who close stages of it the second sees what the first did, and goes on from there."""
    connection.execute(_HOLD_RUN, {"b_run": run_id})


def hold_waiting(connection: Connection, stage_id: int) -> None:
    """Lock the jobs that wait for a stage, before the stage itself is locked: jobs first, then stages."""
    connection.execute(_HOLD_WAITING, {"b_stage": stage_id})


def _release(connection: Connection, stage_id: int) -> list[Message]:
    return [Message._make(row) for row in connection.execute(_RELEASE, {"b_stage": stage_id})]


def _counts(stage_id: int, ended: JobState) -> dict[str, int]:
    return {
        "b_stage": stage_id,
        "b_failed": int(ended is JobState.DISCARDED),
        "b_cancelled": int(ended is JobState.CANCELLED),
    }


def close_if_done(connection: Connection, stage_id: int) -> list[Message]:
    """Close an open stage that has nothing left, and go on down the run: a stage opened with no jobs ends at once."""
    messages: list[Message] = []
    closing: int | None = stage_id
    while closing is not None:
        closed = connection.execute(_CLOSE, {"b_stage": closing}).first()
        if closed is None:
            return messages
        hold_run(connection, closed.run_id)
        all_failed = closed.total and closed.failed + closed.cancelled == closed.total
        if all_failed or (closed.failed and closed.failed > closed.tolerance * (closed.total - 1)):
            note = "an earlier stage of its run did not succeed"
            cancel_waiting(connection, closed.run_id, note, after=closed.position)
        closing = _advance(connection, closed.run_id, messages)
        project(connection, closed.run_id)
    return messages


def cancel_waiting(connection: Connection, run_id: str, note: str, *, after: int = -1) -> None:
    """Cancel the stages of a run that have not opened, with their jobs; only those after a position."""
    values = {"b_run": run_id, "b_after": after}
    connection.execute(_CANCEL_UNBEGUN_JOBS, values | {"b_note": note})
    connection.execute(_CANCEL_WAITING_STAGES, values)
    # Once more: a retry, or a parent with children, may have added to a stage while we waited for it.
    connection.execute(_CANCEL_WAITING_JOBS, values | {"b_note": note})


def go_on(connection: Connection, run_id: str) -> list[Message]:
    """Open the next stage of a run that has none open, or end the run; return the messages to publish."""
    messages: list[Message] = []
    empty = _advance(connection, run_id, messages)
    return messages if empty is None else close_if_done(connection, empty)


def _advance(connection: Connection, run_id: str, messages: list[Message]) -> int | None:
    """Open the next stage, or end the run; return the id of a stage that opened with nothing to do."""
    following = connection.execute(_UNENDED, {"b_run": run_id}).first()
    if following is None:
        _end_run(connection, run_id)
        return None
    if following.state == StageState.OPEN:
        return None
    hold_waiting(connection, following.id)
    remaining = connection.execute(_OPEN, {"b_stage": following.id}).scalar()
    if remaining == 0:
        return int(following.id)
    messages.extend(_release(connection, following.id))
    return None


def _end_run(connection: Connection, run_id: str) -> None:
    excess, all_failed, cancelled = connection.execute(_OUTCOME, {"b_run": run_id}).one()
    if excess > 0:
        state = RunState.FAILED
    elif all_failed:
        state = RunState.CANCELLED
    else:
        state = RunState.COMPLETED
    # An operator who cancels one document of many wants the rest; one who cancels the run does not.
    if_asked = RunState.CANCELLED if cancelled and excess <= 0 else state
    connection.execute(_END_RUN, {"b_run": run_id, "b_state": state.value, "b_if_asked": if_asked.value})
