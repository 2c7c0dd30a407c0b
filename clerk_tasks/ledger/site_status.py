"""How each site is doing: where its last run stands, what of it is left and failed, and how old its last success is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, func, select

from clerk.database.clock import now
from clerk.database.literals import batched, constant, is_in
from clerk.database.states import UNSUCCESSFUL, JobState, RunState, StageState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import runs_table as runs
from clerk.database.tables import sites_table as sites
from clerk.database.tables import stages_table as stages
from clerk_tasks.ledger.queries import unfinished_by_site


def site_status(connection: Connection, *, subdomain: str | None = None) -> list[dict[str, Any]]:
    """Return, for each site, its last run and that run's stage and counts, its unfinished jobs and dead letters.

    `stage` is the one under way, None once the run has ended. `age` is in seconds, since the end of the last run that
    completed; None without one. `stages` are those of the last run, in order.
    """
    last = runs.alias()
    newest = select(runs.c.id).where(runs.c.subdomain == sites.c.subdomain).order_by(runs.c.created_at.desc()).limit(1)
    completed = (
        select(runs.c.finished_at)
        .where(runs.c.subdomain == sites.c.subdomain, runs.c.state == constant(RunState.COMPLETED))
        .order_by(runs.c.created_at.desc())
        .limit(1)
    )
    under_way = (
        select(stages.c.name)
        .where(stages.c.run_id == last.c.id, stages.c.state == constant(StageState.OPEN))
        .order_by(stages.c.position)
        .limit(1)
    )
    query = (
        select(
            *(sites.c.subdomain, sites.c.name, sites.c.status, sites.c.has_finance_data, sites.c.finance_last_updated),
            last.c.id.label("last_run"),
            last.c.pipeline.label("last_run_pipeline"),
            last.c.state.label("last_run_state"),
            last.c.created_at.label("last_run_at"),
            last.c.finished_at.label("last_run_finished_at"),
            under_way.scalar_subquery().label("stage"),
            *(_sum(last, name).label(name) for name in ("total", "remaining", "failed")),
            completed.scalar_subquery().label("completed_at"),
            select(now()).scalar_subquery().label("asked_at"),
        )
        .select_from(sites)
        .outerjoin(last, last.c.id == newest.scalar_subquery())
        .order_by(sites.c.subdomain)
    )
    if subdomain is not None:
        query = query.where(sites.c.subdomain == subdomain)
    left = unfinished_by_site(connection, subdomain=subdomain)
    dead = select(jobs.c.subdomain, func.count()).where(is_in(jobs.c.state, JobState.DISCARDED, UNSUCCESSFUL))
    discarded: dict[str, int] = {row[0]: row[1] for row in connection.execute(dead.group_by(jobs.c.subdomain))}
    rows = connection.execute(query).mappings().all()
    strips = _strips(connection, [row["last_run"] for row in rows if row["last_run"]])
    return [
        _with_age(dict(row), unfinished=left.get(row["subdomain"], 0), discarded=discarded.get(row["subdomain"], 0))
        | {"stages": strips.get(row["last_run"], [])}
        for row in rows
    ]


def _strips(connection: Connection, run_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return {run: its stages, with their states and counts}."""
    columns = (stages.c.name, stages.c.state, stages.c.total, stages.c.remaining, stages.c.failed)
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for some in batched(run_ids):
        query = select(stages.c.run_id, *columns).where(stages.c.run_id.in_(some)).order_by(stages.c.position)
        for row in connection.execute(query).mappings():
            found[row["run_id"]].append({column.name: row[column.name] for column in columns})
    return found


def _with_age(row: dict[str, Any], **counts: int) -> dict[str, Any]:
    asked_at, completed_at = row.pop("asked_at"), row.pop("completed_at")
    age = None if completed_at is None else round((asked_at - completed_at).total_seconds())
    return row | counts | {"completed_at": completed_at, "age": age}


def _sum(last: FromClause, name: str) -> ColumnElement[int]:
    """Return the sum of a counter over the stages of a run."""
    return select(func.coalesce(func.sum(stages.c[name]), 0)).where(stages.c.run_id == last.c.id).scalar_subquery()
