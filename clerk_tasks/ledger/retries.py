"""Retry jobs by hand, any number in one transaction, together with the stages of their run that were cancelled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, case, func, select, update
from sqlalchemy.exc import IntegrityError

from clerk.database.clock import now
from clerk.database.literals import batched, constant, one_of
from clerk.database.states import UNENDED, UNFINISHED, UNSUCCESSFUL, JobState, RunState, StageState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import runs_table as runs
from clerk.database.tables import stages_table as stages
from clerk.errors import ClerkError, ConflictError, missing
from clerk_tasks.ledger.insert import MESSAGE_COLUMNS, Message
from clerk_tasks.ledger.reopening import Reopening, Stages, reopening
from clerk_tasks.ledger.site_columns import project
from clerk_tasks.ledger.turns import made_available

_ENDED_JOB = select(jobs.c.id, jobs.c.state, jobs.c.run_id, jobs.c.stage_id, jobs.c.unique_key)
_UNFINISHED = select(jobs.c.id).where(one_of(jobs.c.state, UNFINISHED))
_OF_STAGE = select(jobs.c.id, jobs.c.stage_id, jobs.c.unique_key).where(jobs.c.state == constant(JobState.CANCELLED))
_STAGE = select(
    *(stages.c.id, stages.c.run_id, stages.c.name, stages.c.position, stages.c.state),
    *(stages.c.total, stages.c.failed, stages.c.cancelled, stages.c.tolerance, runs.c.pipeline),
).join(runs)
_AGAIN: dict[str, Any] = {
    "max_attempts": case((jobs.c.max_attempts > jobs.c.attempt, jobs.c.max_attempts), else_=jobs.c.attempt + 1),
    "finished_at": None,
    "cancel_requested_at": None,
    "note": None,
}
_AVAILABLE = _AGAIN | {"due_at": now()}
_WAITING = _AGAIN | {"state": constant(JobState.SCHEDULED), "due_at": None}
_UNSUCCESSFUL = one_of(jobs.c.state, UNSUCCESSFUL)


class UniqueKeyTaken(ConflictError):
    """Another transaction has taken a unique key since this one looked; nothing has changed once it rolls back."""


@dataclass(slots=True)
class Retried:
    """What a retry did: the ids of all jobs made unfinished, the messages to publish, and why others were refused."""

    job_ids: set[str] = field(default_factory=set)
    messages: list[Message] = field(default_factory=list)
    refused: dict[str, ClerkError] = field(default_factory=dict)


@dataclass(slots=True)
class _Plan:
    """The jobs to retry, those that wait for their stage among them, and what changes around them."""

    accepted: dict[str, Row[Any]] = field(default_factory=dict)
    refused: dict[str, ClerkError] = field(default_factory=dict)
    reopenings: list[Reopening] = field(default_factory=list)
    counted: set[int] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)
    revived: set[str] = field(default_factory=set)


class _Found:
    """What a retry of some jobs has to know of the ledger."""

    def __init__(self, connection: Connection, job_ids: Sequence[str]) -> None:
        self.job_ids = sorted(set(job_ids))
        self.jobs = {row.id: row for row in _rows(connection, _ENDED_JOB, jobs.c.id, self.job_ids)}
        ended = {row.run_id for row in self.jobs.values() if row.state in UNSUCCESSFUL}
        self.stages: dict[str, Stages] = defaultdict(dict)
        for row in _rows(connection, _STAGE.order_by(stages.c.position), stages.c.run_id, ended):
            self.stages[row.run_id][row.id] = row
        self.cancelled_stages = [
            stage.id
            for of_run in self.stages.values()
            for stage in of_run.values()
            if stage.state == StageState.CANCELLED
        ]
        self.cancelled: dict[int, list[Row[Any]]] = defaultdict(list)
        for row in _rows(connection, _OF_STAGE, jobs.c.stage_id, self.cancelled_stages):
            self.cancelled[row.stage_id].append(row)

    def stage(self, job: Row[Any]) -> Row[Any]:
        """Return the stage of an unsuccessful job."""
        return self.stages[job.run_id][job.stage_id]

    def lock(self, connection: Connection) -> None:
        """Lock the jobs that may change, then their stages, then the runs that may be reopened."""
        changed = {row.id for some in self.cancelled.values() for row in some}.union(self.job_ids)
        # What runs ahead of a cancelled stage ends uncounted: it is counted again once the stage waits.
        changed.update(row.id for row in _rows(connection, _UNFINISHED, jobs.c.stage_id, self.cancelled_stages))
        of_jobs = {row.stage_id for row in self.jobs.values()}.union(self.cancelled)
        reopened = {
            run_id
            for run_id, of_run in self.stages.items()
            if any(stage.state == StageState.CANCELLED for stage in of_run.values())
        }
        of_jobs.update(stage_id for run_id in reopened for stage_id in self.stages[run_id])
        _lock(connection, jobs.c.id, changed)
        _lock(connection, stages.c.id, of_jobs)
        _lock(connection, runs.c.id, reopened)


def retry_jobs(connection: Connection, job_ids: Sequence[str]) -> Retried:
    """Make ended jobs available again, with their exact arguments and at least one attempt more.

    A job whose stage has not opened waits for that. A job of a run that ended and left later stages cancelled reopens
    the run: its stage, then those later stages with their jobs, go on as if the run had not stopped. A job of a stage
    that ended, in a run that went on without it, is not counted again.

    Refused, with the error that says why: unknown jobs, jobs that have not ended, jobs whose unique key an unfinished
    job has, and jobs that would run before what they wait for. Raises UniqueKeyTaken.
    """
    _Found(connection, job_ids).lock(connection)
    found = _Found(connection, job_ids)
    plan = _plan(connection, found)
    try:
        messages = _apply(connection, plan)
    except IntegrityError:
        raise UniqueKeyTaken("Another job took the unique key of one of these just now; try again.") from None
    return Retried(plan.revived.union(plan.accepted), messages, plan.refused)


def refusals(connection: Connection, job_ids: Sequence[str]) -> Retried:
    """Return what `retry_jobs` would do, without messages, in a transaction that only reads."""
    plan = _plan(connection, _Found(connection, job_ids))
    return Retried(plan.revived.union(plan.accepted), [], plan.refused)


def _rows(connection: Connection, query: Any, column: Any, values: Iterable[Any]) -> list[Row[Any]]:
    return [row for some in batched(sorted(values)) for row in connection.execute(query.where(column.in_(some)))]


def _lock(connection: Connection, column: Any, ids: Iterable[Any]) -> None:
    # NO KEY UPDATE for stages and runs: a job that inserts children holds their key, and then waits for jobs.
    lock = select(column).order_by(column).with_for_update(key_share=column is not jobs.c.id)
    for some in batched(sorted(ids)):
        connection.execute(lock.where(column.in_(some))).all()


def _plan(connection: Connection, found: _Found) -> _Plan:
    plan = _Plan()
    wanted = {row.unique_key for row in found.jobs.values()}
    wanted.update(row.unique_key for some in found.cancelled.values() for row in some)
    unfinished = select(jobs.c.unique_key, jobs.c.id).where(one_of(jobs.c.state, UNFINISHED))
    taken = {
        row.unique_key: f"Job {row.id} is already doing this ({row.unique_key}); wait for it, or cancel it."
        for row in _rows(connection, unfinished, jobs.c.unique_key, wanted - {None})
    }
    of_run: dict[str, list[Row[Any]]] = defaultdict(list)
    for job_id in found.job_ids:
        job = found.jobs.get(job_id)
        if job is None:
            plan.refused[job_id] = missing("job", job_id)
        elif job.state not in UNSUCCESSFUL:
            reason = f"Job {job_id} is {job.state}; only a discarded or cancelled job can be retried."
            plan.refused[job_id] = ConflictError(reason)
        elif job.unique_key in taken:
            plan.refused[job_id] = ConflictError(taken[job.unique_key])
        else:
            if job.unique_key:
                same = f"Job {job_id} has the same unique key ({job.unique_key}) as another that is to be retried."
                taken[job.unique_key] = same
            of_run[job.run_id].append(job)
    for run_id, chosen in of_run.items():
        _plan_run(plan, found, run_id, chosen, taken)
    return plan


def _plan_run(plan: _Plan, found: _Found, run_id: str, chosen: Sequence[Row[Any]], taken: dict[str, str]) -> None:
    """Decide on the jobs to retry of one run."""
    decided = reopening(found.stages[run_id], {job.stage_id for job in chosen})
    own = {job.id for job in chosen}
    others = [row for stage_id in decided.revived for row in found.cancelled[stage_id] if row.id not in own]
    rival = next((row.unique_key for row in others if row.unique_key in taken), None)
    for job in chosen:
        reason = decided.refused.get(job.stage_id)
        if rival is not None and job.stage_id in {decided.opened, *decided.revived}:
            reason = f"Its run would go on with a later job, but: {taken[rival]}"
        if reason is not None:
            plan.refused[job.id] = ConflictError(f"Job {job.id} cannot be retried. {reason}")
            continue
        plan.accepted[job.id] = job
        stage = found.stage(job)
        if stage.state in UNENDED:
            plan.counted.add(stage.id)
        if stage.state == StageState.WAITING or stage.id in decided.revived:
            plan.waiting.add(job.id)
    if rival is None and decided.opened is not None:
        plan.reopenings.append(decided)
        plan.revived.update(row.id for row in others)
        taken.update((row.unique_key, f"Job {row.id} is to be retried.") for row in others if row.unique_key)


def _apply(connection: Connection, plan: _Plan) -> list[Message]:
    messages: list[Message] = []
    for some in batched(sorted(plan.accepted.keys() - plan.waiting)):
        again = made_available(select(jobs.c.id).where(jobs.c.id.in_(some), _UNSUCCESSFUL), _AVAILABLE)
        messages += [Message._make(row) for row in connection.execute(again.returning(*MESSAGE_COLUMNS))]
    for some in batched(sorted(plan.waiting | plan.revived)):
        connection.execute(update(jobs).where(jobs.c.id.in_(some), _UNSUCCESSFUL).values(_WAITING))
    opened = [each.opened for each in plan.reopenings if each.opened is not None]
    revived = [stage_id for each in plan.reopenings for stage_id in each.revived]
    opened_at = func.coalesce(stages.c.opened_at, now())
    for ids, values in (
        (opened, {"state": constant(StageState.OPEN), "closed_at": None, "opened_at": opened_at}),
        (revived, {"state": constant(StageState.WAITING), "closed_at": None}),
        (plan.counted.union(opened, revived), _counts()),
    ):
        for part in batched(sorted(ids)):
            connection.execute(update(stages).where(stages.c.id.in_(part)).values(values))
    run_ids = sorted(each.run_id for each in plan.reopenings)
    reopen: dict[str, Any] = {"state": constant(RunState.RUNNING), "finished_at": None, "options": {}}
    for some in batched(run_ids):
        connection.execute(update(runs).where(runs.c.id.in_(some)).values(reopen))
    for run_id in run_ids:
        project(connection, run_id)
    return messages


def _counts() -> dict[str, Any]:
    """Return the counters of a locked stage as its jobs say: some may have ended uncounted, after it had closed."""

    def count(*states: JobState) -> Any:
        of_stage = select(func.count()).where(jobs.c.stage_id == stages.c.id)
        chosen = of_stage.where(one_of(jobs.c.state, states)) if states else of_stage
        return chosen.correlate(stages).scalar_subquery()

    return {
        "total": count(),
        "remaining": count(*UNFINISHED),
        "failed": count(JobState.DISCARDED),
        "cancelled": count(JobState.CANCELLED),
    }
