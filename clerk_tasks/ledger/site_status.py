"""How each site is doing: where its last run stands, what of it is left and failed, and how old its last success is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, FromClause, and_, func, select

from clerk.database.clock import now
from clerk.database.literals import one_of
from clerk.database.states import UNFINISHED, JobState, RunState, StageState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import runs_table as runs
from clerk.database.tables import sites_table as sites
from clerk.database.tables import stages_table as stages


def site_status(connection: Connection, *, subdomain: str | None = None) -> list[dict[str, Any]]:
    """Return, for each site, its last run and that run's stage and counts, its unfinished jobs and dead letters.

    `stage` is the one under way, None once the run has ended. `age` is in seconds, since the end of the last run that
    completed; None if none has.
    """
    work, last, counts, success = _work(), _last_runs(), _counts(), _successes()
    query = (
        select(
            *(sites.c.subdomain, sites.c.name, sites.c.status, sites.c.has_finance_data, sites.c.finance_last_updated),
            last.c.id.label("last_run"),
            last.c.pipeline.label("last_run_pipeline"),
            last.c.state.label("last_run_state"),
            last.c.created_at.label("last_run_at"),
            last.c.finished_at.label("last_run_finished_at"),
            _stage_under_way(last).label("stage"),
            *(func.coalesce(counts.c[name], 0).label(name) for name in ("total", "remaining", "failed")),
            *(func.coalesce(work.c[name], 0).label(name) for name in ("unfinished", "discarded")),
            success.c.at.label("completed_at"),
            select(now()).scalar_subquery().label("asked_at"),
        )
        .outerjoin(work, work.c.subdomain == sites.c.subdomain)
        .outerjoin(last, and_(last.c.subdomain == sites.c.subdomain, last.c.n == 1))
        .outerjoin(counts, counts.c.run_id == last.c.id)
        .outerjoin(success, success.c.subdomain == sites.c.subdomain)
        .order_by(sites.c.subdomain)
    )
    if subdomain is not None:
        query = query.where(sites.c.subdomain == subdomain)
    return [_with_age(dict(row)) for row in connection.execute(query).mappings()]


def _with_age(row: dict[str, Any]) -> dict[str, Any]:
    asked_at, completed_at = row.pop("asked_at"), row["completed_at"]
    return row | {"age": None if completed_at is None else round((asked_at - completed_at).total_seconds())}


def _work() -> FromClause:
    """Return how many jobs of each site are unfinished, and how many were discarded."""
    unfinished = func.count().filter(one_of(jobs.c.state, UNFINISHED))
    discarded = func.count().filter(jobs.c.state == JobState.DISCARDED)
    numbers = (unfinished.label("unfinished"), discarded.label("discarded"))
    return select(jobs.c.subdomain, *numbers).group_by(jobs.c.subdomain).subquery()


def _last_runs() -> FromClause:
    """Return each site's runs, numbered from the newest, which is 1."""
    number = func.row_number().over(partition_by=runs.c.subdomain, order_by=runs.c.created_at.desc())
    columns = (runs.c.subdomain, runs.c.id, runs.c.state, runs.c.pipeline, runs.c.created_at, runs.c.finished_at)
    return select(*columns, number.label("n")).subquery()


def _counts() -> FromClause:
    """Return how many jobs each run has, how many have not ended, and how many failed."""
    sums = [func.sum(stages.c[name]).label(name) for name in ("total", "remaining", "failed")]
    return select(stages.c.run_id, *sums).group_by(stages.c.run_id).subquery()


def _successes() -> FromClause:
    """Return when the last completed run of each site ended."""
    ended = func.max(runs.c.finished_at, type_=runs.c.finished_at.type).label("at")
    return (
        select(runs.c.subdomain, ended).where(runs.c.state == RunState.COMPLETED).group_by(runs.c.subdomain).subquery()
    )


def _stage_under_way(last: FromClause) -> Any:
    """Return the name of a run's first open stage."""
    return (
        select(stages.c.name)
        .where(stages.c.run_id == last.c.id, stages.c.state == StageState.OPEN)
        .order_by(stages.c.position)
        .limit(1)
        .scalar_subquery()
    )
