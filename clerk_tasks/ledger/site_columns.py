"""What old programs read of a site: the ledger's last word on its meetings run, in the columns of `sites`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from clerk.database.clock import now
from clerk.database.literals import constant
from clerk.database.states import UNCOMPLETED, JobState, RunState, StageState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import runs_table as runs
from clerk.database.tables import sites_table as sites
from clerk.database.tables import stages_table as stages
from clerk.sites.deployed import DONE, STATUS
from clerk.stage import MEETINGS

_ERROR = ("last_error_stage", "last_error_message", "last_error_at")

_RUN = select(runs.c.subdomain, runs.c.state, runs.c.created_at).where(
    runs.c.id == bindparam("b_run"), runs.c.pipeline == MEETINGS
)
_STAGES = select(
    stages.c.name, stages.c.state, stages.c.total, stages.c.remaining, stages.c.failed, stages.c.cancelled
).where(stages.c.run_id == bindparam("b_run"), stages.c.name.in_(STATUS))
_LAST_ERROR = (
    select(stages.c.name, jobs.c.error, jobs.c.finished_at)
    .join(stages, stages.c.id == jobs.c.stage_id)
    .where(jobs.c.run_id == bindparam("b_run"), jobs.c.state == constant(JobState.DISCARDED))
    .order_by(jobs.c.finished_at.desc())
    .limit(1)
)


def project(connection: Connection, run_id: str) -> None:
    """Write a meetings run's stage, counters and last error to its site's row; nothing for any other run.

    An error stays until a run completes without any.
    """
    run = connection.execute(_RUN, {"b_run": run_id}).first()
    if run is None:
        return
    values: dict[str, Any] = {"started_at": run.created_at, "updated_at": now()}
    for row in connection.execute(_STAGES, {"b_run": run_id}):
        done = row.total - row.remaining - row.failed - row.cancelled
        values |= {f"{row.name}_total": row.total, f"{row.name}_completed": done, f"{row.name}_failed": row.failed}
        if row.state == StageState.OPEN:
            values |= {"current_stage": row.name, "status": STATUS[row.name]}
    if run.state == RunState.COMPLETED:
        values |= {**DONE, **dict.fromkeys(_ERROR)}
    elif run.state in UNCOMPLETED and run.state != RunState.RUNNING:
        values["status"] = str(run.state)
    if (failed := connection.execute(_LAST_ERROR, {"b_run": run_id}).first()) is not None:
        values |= dict(zip(_ERROR, (failed.name, (failed.error or "")[:500], failed.finished_at), strict=True))
    connection.execute(update(sites).where(sites.c.subdomain == run.subdomain).values(values))
