"""The children of a job: inserted and counted into their stages, most when it completes and is counted out."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select, update

from clerk.database.clock import now
from clerk.database.literals import batched, constant
from clerk.database.states import JobState, StageState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import stages_table as stages
from clerk.jobs import Discard
from clerk_tasks.ledger.insert import Message, NewJob, Recorded, grow_stage, insert_jobs
from clerk_tasks.ledger.site_columns import project
from clerk_tasks.ledger.stages import admit_children, close_if_done, count_out, hold_run, hold_waiting

_STAGE_OF_RUN = (
    select(stages.c.id)
    .where(
        stages.c.run_id == bindparam("b_run"),
        stages.c.name == bindparam("b_name"),
        stages.c.id >= bindparam("b_own"),
    )
    .order_by(stages.c.id)
)
_CANCEL = (
    update(jobs)
    .where(jobs.c.stage_id == bindparam("b_stage"), jobs.c.id.in_(bindparam("b_ids", expanding=True)))
    .values(state=constant(JobState.CANCELLED), finished_at=now(), note="its stage was cancelled before")
    .returning(jobs.c.id)
)


def add_children(connection: Connection, children: Sequence[NewJob], *, run_id: str, stage_id: int) -> list[Message]:
    """Add the children of a job of this stage, which has just completed; return the messages to publish after commit.

    Raises Discard if a child names no later stage of the run.
    """
    recorded, grown = _insert(connection, children, run_id=run_id, stage_id=stage_id)
    grow_stage(connection, stage_id, grown.pop(stage_id, 0))
    remaining = count_out(connection, stage_id, ended=JobState.COMPLETED)
    if remaining == 0:
        hold_run(connection, run_id)
    for later in sorted(grown):
        if remaining == 0:
            hold_waiting(connection, later)
        recorded.messages += admit_children(connection, later, grown[later])
    # Only now: the stage that would open must have been given its children first.
    if remaining == 0:
        return recorded.messages + close_if_done(connection, stage_id)
    project(connection, run_id)
    return recorded.messages


def add_children_now(
    connection: Connection, children: Sequence[NewJob], *, run_id: str, stage_id: int
) -> list[Message]:
    """Add children of a job that runs, available at once, also in a later stage that waits; return the messages.

    The job's row is locked: its own stage is open, so no stage after it ends meanwhile. Raises Discard if a child names
    no later stage of the run.
    """
    recorded, grown = _insert(connection, children, run_id=run_id, stage_id=stage_id, at_once=True)
    gone: set[str] = set()
    for later in sorted(grown):
        if grow_stage(connection, later, grown[later]) is StageState.CANCELLED:
            # The job was retried by hand, in a run that had gone on without it.
            for some in batched(recorded.job_ids):
                gone.update(connection.execute(_CANCEL, {"b_stage": later, "b_ids": some}).scalars())
    project(connection, run_id)
    return [message for message in recorded.messages if message.job_id not in gone]


def _insert(
    connection: Connection, children: Sequence[NewJob], *, run_id: str, stage_id: int, at_once: bool = False
) -> tuple[Recorded, dict[int, int]]:
    """Insert children without counting them; return what was inserted, and how many into which stage."""
    by_stage: dict[str | None, list[NewJob]] = {}
    for child in children:
        by_stage.setdefault(child.stage, []).append(child)
    recorded, grown = Recorded(), dict[int, int]()
    for name, batch in by_stage.items():
        into = stage_id if name is None else later_stage(connection, name, run_id=run_id, own=stage_id)
        before = len(recorded.job_ids)
        insert_jobs(connection, recorded, batch, run_id=run_id, stage_id=into, opened=at_once or into == stage_id)
        grown[into] = grown.get(into, 0) + len(recorded.job_ids) - before
    return recorded, grown


def later_stage(connection: Connection, name: str, *, run_id: str, own: int) -> int:
    """Return the stage of that name, the job's own or a later one; they get their ids in order.

    Raises Discard for another name.
    """
    stage_id = connection.execute(_STAGE_OF_RUN, {"b_run": run_id, "b_name": name, "b_own": own}).scalar()
    if stage_id is None:
        raise Discard(f"Run {run_id} has no later stage {name!r} for the children of a job.")
    return int(stage_id)
