"""The names of the RQ-based clerk's records of jobs and progress; what is recorded of jobs is in the ledger.

`delete_jobs_for_site` is missing: `clerk-tasks sites remove` removes a site with its jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from clerk.database.clock import now
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import site_progress_table as progress
from clerk.database.tables import stages_table as stages

__all__ = [
    "create_site_progress",
    "delete_site_progress",
    "get_jobs_for_site",
    "increment_stage_progress",
    "track_job",
    "track_jobs_bulk",
    "update_site_progress",
]


def track_job(conn: Connection, rq_job_id: str, subdomain: str, job_type: str, stage: str, **_: Any) -> None:
    """Do nothing: enqueueing has recorded the job."""


def track_jobs_bulk(conn: Connection, jobs_data: Sequence[Any], **_: Any) -> None:
    """Do nothing: enqueueing has recorded the jobs."""


def get_jobs_for_site(conn: Connection, subdomain: str) -> list[dict[str, Any]]:
    """Return a site's jobs in the ledger, oldest first: rq_job_id, subdomain, job_type, stage, run_id, created_at."""
    query = (
        select(jobs.c.id.label("rq_job_id"), jobs.c.subdomain, jobs.c.job_type, stages.c.name.label("stage"))
        .add_columns(jobs.c.run_id, jobs.c.created_at)
        .join_from(jobs, stages, stages.c.id == jobs.c.stage_id)
        .where(jobs.c.subdomain == subdomain)
        .order_by(jobs.c.id)
    )
    return [dict(row) for row in conn.execute(query).mappings()]


def create_site_progress(conn: Connection, subdomain: str, stage: str) -> None:
    """Write that a site is in a stage to `site_progress`, which is the plugin's own: clerk does not write to it."""
    values = {"current_stage": stage, "started_at": now(), "updated_at": now()}
    if not conn.execute(update(progress).where(progress.c.subdomain == subdomain).values(values)).rowcount:
        conn.execute(insert(progress).values(subdomain=subdomain, **values))


def update_site_progress(
    conn: Connection, subdomain: str, stage: str | None = None, stage_total: int | None = None
) -> None:
    """Change a site's stage, or the total of what the stage has to do, which starts its counter again."""
    values: dict[str, Any] = {"updated_at": now()}
    if stage:
        values["current_stage"] = stage
    if stage_total is not None:
        values |= {"stage_total": stage_total, "stage_completed": 0}
    conn.execute(update(progress).where(progress.c.subdomain == subdomain).values(values))


def increment_stage_progress(conn: Connection, subdomain: str) -> None:
    """Count one more as done in a site's stage."""
    values = {"stage_completed": progress.c.stage_completed + 1, "updated_at": now()}
    conn.execute(update(progress).where(progress.c.subdomain == subdomain).values(values))


def delete_site_progress(conn: Connection, subdomain: str) -> None:
    """Remove a site's row of `site_progress`."""
    conn.execute(delete(progress).where(progress.c.subdomain == subdomain))
