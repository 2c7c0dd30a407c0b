"""How far runs and their stages are, how fast they go, and when they will end.

A stage's rate is its average since it opened. What later stages will take is what they took in the last run of that
pipeline that completed for the site. A run's percentage counts each of its stages the same, so that it does not fall
when a stage opens with many jobs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from clerk.database.clock import database_time
from clerk.database.literals import batched, constant, is_in
from clerk.database.states import UNCOMPLETED, RunState, StageState
from clerk.database.tables import runs_table as runs
from clerk.database.tables import stages_table as stages

_LONGEST = timedelta(days=3650)


class Progress(NamedTuple):
    """How far something is: percent, jobs a minute (None: not known), and when it ends (None: not known)."""

    percent: float
    rate: float | None
    ends_at: datetime | None


def stage_progress(stage: Mapping[str, Any], moment: datetime) -> Progress:
    """Return how far a stage is; `stage` is its row."""
    ended = stage["total"] - stage["remaining"]
    if stage["state"] in (StageState.CLOSED, StageState.CANCELLED):
        span, percent = _seconds(stage["opened_at"], stage["closed_at"]), 100.0
        return Progress(percent, _per_minute(ended, span), None)
    if stage["state"] == StageState.WAITING:
        return Progress(0.0, None, None)
    percent = round(100 * ended / stage["total"], 1) if stage["total"] else 0.0
    rate = _per_minute(ended, _seconds(stage["opened_at"], moment))
    left = stage["remaining"] / rate * 60 if rate else None
    return Progress(percent, rate, None if left is None else _after(moment, left))


def run_progress(
    run_stages: Sequence[Mapping[str, Any]], moment: datetime, took: Mapping[str, float], *, running: bool
) -> Progress:
    """Return how far a run is. `took`: the seconds that stages of such a run took before, by name."""
    found = [stage_progress(stage, moment) for stage in run_stages]
    percent = round(sum(each.percent for each in found) / len(found), 1) if found else 0.0
    under_way = [(stage, each) for stage, each in zip(run_stages, found, strict=True) if stage["state"] == "open"]
    if not running or not under_way:
        return Progress(percent if running else 100.0, None, None)
    rates = [each.rate for _, each in under_way if each.rate is not None]
    ends = [_end_of(stage, each, moment, took) for stage, each in under_way]
    later = [took.get(stage["name"]) for stage in run_stages if stage["state"] == StageState.WAITING]
    known = [seconds for seconds in later if seconds is not None]
    last = max((end for end in ends if end is not None), default=None)
    unknown = None in ends or len(known) < len(later) or last is None
    end = None if unknown or last is None else _after(last, sum(known))
    return Progress(percent, round(sum(rates), 2) if rates else None, end)


def _end_of(stage: Mapping[str, Any], found: Progress, moment: datetime, took: Mapping[str, float]) -> datetime | None:
    """Return when an open stage ends: by its rate, else by what it took the last time, if that is not over."""
    if found.ends_at is not None or stage["name"] not in took or stage["opened_at"] is None:
        return found.ends_at
    end = _after(stage["opened_at"], took[stage["name"]])
    return end if end > moment else None


def with_progress(connection: Connection, found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return runs with `percent`, `rate` and `ends_at`; those that have ended are complete."""
    moment = database_time(connection)
    running = [run for run in found if run["state"] == RunState.RUNNING]
    of_run: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for some in batched([run["id"] for run in running]):
        query = select(stages).where(stages.c.run_id.in_(some)).order_by(stages.c.position)
        for row in connection.execute(query).mappings():
            of_run[row["run_id"]].append(dict(row))
    took: dict[tuple[str, str], dict[str, float]] = {}
    answer = []
    for run in found:
        run_stages, key = of_run[run["id"]], (run["subdomain"], run["pipeline"])
        if len(run_stages) > 1 and key not in took:
            took[key] = _took(connection, *key)
        progress = run_progress(run_stages, moment, took.get(key, {}), running=run["state"] == RunState.RUNNING)
        answer.append(run | progress._asdict())
    return answer


def stages_progress(connection: Connection, run_id: str) -> dict[int, Progress]:
    """Return {stage's id: how far it is} of a run."""
    moment = database_time(connection)
    rows = connection.execute(select(stages).where(stages.c.run_id == run_id)).mappings()
    return {row["id"]: stage_progress(dict(row), moment) for row in rows}


def _took(connection: Connection, subdomain: str, pipeline: str) -> dict[str, float]:
    """Return the seconds that the stages of a site's last completed run of a pipeline took, by name."""
    last = (
        select(runs.c.id)
        .where(
            runs.c.subdomain == subdomain,
            runs.c.pipeline == pipeline,
            runs.c.state == constant(RunState.COMPLETED),
        )
        .order_by(runs.c.created_at.desc())
        .limit(1)
    )
    query = select(stages.c.name, stages.c.opened_at, stages.c.closed_at).where(
        stages.c.run_id == last.scalar_subquery()
    )
    return {row.name: _seconds(row.opened_at, row.closed_at) for row in connection.execute(query)}


def unfinished_runs(
    connection: Connection, *, subdomain: str | None = None, limit: int | None = None
) -> tuple[int, list[dict[str, Any]]]:
    """Return the number of runs that have not ended, and the newest of them, with the stage under way and progress."""
    unended = [is_in(runs.c.state, RunState.RUNNING, UNCOMPLETED)]
    if subdomain is not None:
        unended.append(runs.c.subdomain == subdomain)
    count = connection.execute(select(func.count()).select_from(runs).where(*unended)).scalar_one()
    query = select(runs.c.id, runs.c.subdomain, runs.c.pipeline, runs.c.state, runs.c.created_at).where(*unended)
    newest = query.order_by(runs.c.created_at.desc(), runs.c.id).limit(limit)
    found = [dict(row) for row in connection.execute(newest).mappings()]
    counts: dict[str, dict[str, Any]] = {}
    for some in batched([run["id"] for run in found]):
        for row in connection.execute(select(stages).where(stages.c.run_id.in_(some)).order_by(stages.c.position)):
            known = counts.setdefault(row.run_id, {"stage": None, "total": 0, "remaining": 0, "failed": 0})
            if row.state == StageState.OPEN and known["stage"] is None:
                known["stage"] = row.name
            for name in ("total", "remaining", "failed"):
                known[name] += getattr(row, name)
    return count, with_progress(connection, [run | counts.get(run["id"], {}) for run in found])


def _seconds(begin: datetime | None, end: datetime | None) -> float:
    return max((end - begin).total_seconds(), 0.0) if begin is not None and end is not None else 0.0


def _per_minute(ended: int, seconds: float) -> float | None:
    return round(60 * ended / seconds, 2) if ended and seconds else None


def _after(moment: datetime, seconds: float) -> datetime:
    return moment + min(timedelta(seconds=min(seconds, 1e9)), _LONGEST)
