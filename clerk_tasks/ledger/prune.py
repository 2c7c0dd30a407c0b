"""Delete what is long over: runs with all that is theirs; slots; workers; pauses; acts; deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Select, delete, exists, func, select, true

from clerk.database.clock import now
from clerk.database.literals import constant, one_of
from clerk.database.operator_tables import acts_table as acts
from clerk.database.operator_tables import deliveries_table as deliveries
from clerk.database.states import UNFINISHED, RunState
from clerk.database.tables import attempt_logs_table as logs
from clerk.database.tables import attempts_table as attempts
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import pauses_table as pauses
from clerk.database.tables import runs_table as runs
from clerk.database.tables import schedule_slots_table as slots
from clerk.database.tables import stages_table as stages
from clerk.database.tables import workers_table as workers
from clerk.database.transactions import serialise

#: How many jobs one transaction deletes, or those of one run that has more; others wait for it.
BATCH = 2000
#: How many runs `count` looks at.
MOST_COUNTED = 1000


def moment_before(connection: Connection, *, days: float) -> datetime:
    """Return the moment so many days ago, by the database's clock."""
    moment: datetime = connection.execute(select(now(-days * 86400))).scalar_one()
    return moment


def next_runs(connection: Connection, *, before: datetime, after: tuple[datetime, str] | None) -> list[Any]:
    """Return some runs that ended before a moment, the oldest first, from the place (created_at, id) `after` on.

    They have no more jobs than BATCH, unless it is one run.
    """
    total = select(func.coalesce(func.sum(stages.c.total), 0)).where(stages.c.run_id == runs.c.id).scalar_subquery()
    query = select(runs.c.created_at, runs.c.id, total.label("jobs")).where(_over(before))
    if after is not None:
        moment, run_id = after
        query = query.where((runs.c.created_at > moment) | ((runs.c.created_at == moment) & (runs.c.id > run_id)))
    chosen: list[Any] = []
    for row in connection.execute(query.order_by(runs.c.created_at, runs.c.id).limit(100)):
        if chosen and sum(run.jobs for run in chosen) + row.jobs > BATCH:
            break
        chosen.append(row)
    return chosen


def delete_runs(connection: Connection, run_ids: Sequence[str], *, before: datetime) -> dict[str, int]:
    """Delete runs with all that is theirs; one that has begun again, or has a job that has, stays."""
    for run_id in sorted(run_ids):
        serialise(connection, f"run {run_id}")  # so that no job joins it now
    held = select(jobs.c.id).where(jobs.c.run_id.in_(run_ids)).order_by(jobs.c.id).with_for_update()
    connection.execute(select(func.count()).select_from(held.subquery())).scalar_one()
    gone = list(connection.execute(select(runs.c.id).where(runs.c.id.in_(run_ids), _over(before))).scalars())
    of_these = jobs.c.run_id.in_(gone)
    counts = {
        "logs": delete(logs).where(logs.c.job_id.in_(select(jobs.c.id).where(of_these))),
        "attempts": delete(attempts).where(attempts.c.job_id.in_(select(jobs.c.id).where(of_these))),
        "jobs": delete(jobs).where(of_these),
        "stages": delete(stages).where(stages.c.run_id.in_(gone)),
        "runs": delete(runs).where(runs.c.id.in_(gone)),
    }
    return {name: connection.execute(statement).rowcount for name, statement in counts.items()}


def delete_slots(connection: Connection, *, before: datetime) -> int:
    """Delete the slots that fell due before a moment, except each schedule's newest, from which beat goes on."""
    return connection.execute(delete(slots).where(_old_slot(before))).rowcount


def delete_workers(connection: Connection, *, before: datetime) -> int:
    """Delete the worker starts that were last seen before a moment."""
    return connection.execute(delete(workers).where(workers.c.seen_at < before)).rowcount


def delete_pauses(connection: Connection, *, before: datetime) -> int:
    """Delete the pauses that ended before a moment."""
    return connection.execute(delete(pauses).where(pauses.c.until < before)).rowcount


def delete_acts(connection: Connection, *, before: datetime) -> int:
    """Delete what operators did before a moment."""
    return connection.execute(delete(acts).where(acts.c.seen_at < before)).rowcount


def count(connection: Connection, *, before: datetime) -> dict[str, int]:
    """Return how many rows of each kind would be deleted: of the MOST_COUNTED oldest runs, if there are more."""
    over = select(runs.c.id).where(_over(before)).order_by(runs.c.created_at).limit(MOST_COUNTED)
    of_runs = jobs.c.run_id.in_(over)
    counts = {
        "runs": _counted(over.subquery(), true()),
        "stages": _counted(stages, stages.c.run_id.in_(over)),
        "jobs": _counted(jobs, of_runs),
        "logs": _counted(logs, logs.c.job_id.in_(select(jobs.c.id).where(of_runs))),
        "attempts": _counted(attempts, attempts.c.job_id.in_(select(jobs.c.id).where(of_runs))),
        "slots": _counted(slots, _old_slot(before)),
        "workers": _counted(workers, workers.c.seen_at < before),
        "pauses": _counted(pauses, pauses.c.until < before),
        "acts": _counted(acts, acts.c.seen_at < before),
        "deliveries": _counted(deliveries, deliveries.c.ended_at < before),
    }
    return {name: connection.execute(query).scalar_one() for name, query in counts.items()}


def _counted(table: FromClause, condition: ColumnElement[bool]) -> Select[int]:
    return select(func.count()).select_from(table).where(condition)


def _over(before: datetime) -> ColumnElement[bool]:
    """Return the condition that a run ended before a moment, and that none of its jobs was retried since."""
    at_work = exists().where(jobs.c.run_id == runs.c.id, one_of(jobs.c.state, UNFINISHED))
    ended = (runs.c.state != constant(RunState.RUNNING)) & (runs.c.finished_at < before)
    return (runs.c.created_at < before) & ended & ~at_work


def _old_slot(before: datetime) -> ColumnElement[bool]:
    other = slots.alias()
    newest = select(func.max(other.c.due_at)).where(other.c.schedule == slots.c.schedule).scalar_subquery()
    return (slots.c.due_at < before) & (slots.c.due_at < newest)
