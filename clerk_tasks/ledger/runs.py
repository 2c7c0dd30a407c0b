"""Record a run with its stages and jobs, or add stages to one, in the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, literal_column, select, update

from clerk.database.clock import now
from clerk.database.literals import constant, one_of
from clerk.database.states import RunState, StageState
from clerk.database.tables import runs_table as runs
from clerk.database.tables import stages_table as stages
from clerk.errors import ConflictError
from clerk_tasks.ledger.compiled import Compiled
from clerk_tasks.ledger.insert import NewStage, Recorded, grow_stage, insert_jobs
from clerk_tasks.ledger.stages import close_if_done

_INSERT_RUN = Compiled(
    insert(runs)
    .inline()
    .values(
        **{name: bindparam(name) for name in ("id", "subdomain", "pipeline", "options")},
        state=constant(RunState.RUNNING),
        created_at=now(),
    )
)
_RUN = Compiled(select(runs.c.subdomain).where(runs.c.id == bindparam("b_run")))
_REOPEN_RUN = (
    update(runs)
    .where(runs.c.id == bindparam("b_run"), runs.c.state != constant(RunState.RUNNING))
    .values(state=constant(RunState.RUNNING), finished_at=None)
)
_LAST_POSITION = select(func.max(stages.c.position)).where(stages.c.run_id == bindparam("b_run"))
_STAGE: dict[str, Any] = {
    name: bindparam(name) for name in ("run_id", "name", "position", "state", "total", "remaining", "tolerance")
} | {"failed": literal_column("0"), "cancelled": literal_column("0")}
_INSERT_STAGE = Compiled(insert(stages).values(_STAGE).returning(stages.c.id))
_INSERT_OPEN_STAGE = Compiled(insert(stages).values({**_STAGE, "opened_at": now()}).returning(stages.c.id))
_HOLD_STAGES = (
    select(stages.c.id)
    .where(stages.c.run_id == bindparam("b_run"), one_of(stages.c.state, (StageState.OPEN, StageState.WAITING)))
    .order_by(stages.c.id)
    .with_for_update()
)


def record_run(
    connection: Connection,
    run_id: str,
    *,
    subdomain: str,
    pipeline: str,
    new_stages: Sequence[NewStage],
    options: Mapping[str, Any] | None = None,
) -> Recorded:
    """Insert a run, its stages and their jobs; the first stage is open, the others wait.

    A `run_id` that exists gets the stages added, if it is the same site's; another site's is a ConflictError.
    A stage that opens with no jobs ends at once.
    """
    joined = _RUN(connection, {"b_run": run_id})
    first = 0
    if joined is None:
        values = {"id": run_id, "subdomain": subdomain, "pipeline": pipeline, "options": json.dumps(options or {})}
        _INSERT_RUN(connection, values)
    elif joined[0] != subdomain:
        raise ConflictError(f"Run {run_id} is of {joined[0]}, not of {subdomain}; leave out the run id.")
    else:
        first = connection.execute(_LAST_POSITION, {"b_run": run_id}).scalar_one() + 1
    recorded = Recorded()
    stage_ids = [
        _record_stage(connection, recorded, stage, run_id=run_id, position=position, opened=position == first)
        for position, stage in enumerate(new_stages, start=first)
    ]
    if joined is not None:
        # Whoever is closing the run's last stage either waits for us now, or is waited for here.
        connection.execute(_HOLD_STAGES, {"b_run": run_id}).all()
        connection.execute(_REOPEN_RUN, {"b_run": run_id})
    if recorded.conflicts or not new_stages[0].jobs:
        recorded.messages += close_if_done(connection, stage_ids[0])
    return recorded


def _record_stage(
    connection: Connection, recorded: Recorded, stage: NewStage, *, run_id: str, position: int, opened: bool
) -> int:
    # Unique jobs are counted once it is known which of them were inserted.
    uncounted = any(job.unique_key for job in stage.jobs)
    count = 0 if uncounted else len(stage.jobs)
    insert_stage = _INSERT_OPEN_STAGE if opened else _INSERT_STAGE
    row = insert_stage(
        connection,
        {
            "run_id": run_id,
            "name": stage.name,
            "position": position,
            "state": (StageState.OPEN if opened else StageState.WAITING).value,
            "total": count,
            "remaining": count,
            "tolerance": stage.tolerance,
        },
    )
    assert row is not None, "an INSERT that returns its id"  # noqa: S101
    stage_id = int(row[0])
    before = len(recorded.job_ids)
    insert_jobs(connection, recorded, stage.jobs, run_id=run_id, stage_id=stage_id, opened=opened)
    if uncounted:
        grow_stage(connection, stage_id, len(recorded.job_ids) - before)
    return stage_id
