"""Find what no guarded transition can leave behind, and mend it: damage by hand, by restore, or by our own mistakes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Select, func, select, update

from clerk.database.clock import now
from clerk.database.literals import batched, constant, is_in, one_of
from clerk.database.states import LATER, UNCOMPLETED, UNENDED, UNFINISHED, WAITING, JobState, RunState, StageState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import runs_table as runs
from clerk.database.tables import sites_table as sites
from clerk.database.tables import stages_table as stages
from clerk_tasks.ledger.queries import unfinished_kinds


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is not as it should be: what it is about, what is wrong, and what mending it does."""

    kind: str
    subject: str
    problem: str
    remedy: str


def orphans(connection: Connection) -> list[Damage]:
    """Return the unfinished jobs that can never run: of a removed site, or of a stage that was cancelled."""
    known = set(connection.execute(select(sites.c.subdomain)).scalars())
    gone = sorted({row.subdomain for row in unfinished_kinds(connection)} - known)
    of_site = select(jobs.c.id, jobs.c.subdomain).where(one_of(jobs.c.state, WAITING))
    lost = {
        row.id: f"its site {row.subdomain} is gone"
        for some in batched(gone)
        for row in connection.execute(of_site.where(jobs.c.subdomain.in_(some)))
    }
    of_stage = select(jobs.c.id).join(stages, stages.c.id == jobs.c.stage_id)
    scheduled = is_in(jobs.c.state, JobState.SCHEDULED, LATER)
    ended = of_stage.where(scheduled, stages.c.state == constant(StageState.CANCELLED))
    stopped = dict.fromkeys(connection.execute(ended).scalars(), "its stage is cancelled")
    return [Damage("orphan", job_id, problem, "cancel it") for job_id, problem in sorted((stopped | lost).items())]


def miscounts(connection: Connection) -> list[Damage]:
    """Return the stages whose counter is not the number of their unfinished jobs."""
    rows = connection.execute(_miscounted())
    return [
        Damage("miscount", str(row.id), f"stage {row.name} says {row.remaining} remain, {row.actual} do", "count again")
        for row in rows
    ]


def recount(connection: Connection, stage_id: int) -> None:
    """Set a stage's counter to the number of its unfinished jobs."""
    actual = select(func.count()).where(jobs.c.stage_id == stage_id, one_of(jobs.c.state, UNFINISHED))
    connection.execute(update(stages).where(stages.c.id == stage_id).values(remaining=actual.scalar_subquery()))


def _miscounted() -> Select[tuple[int, str, int, int]]:
    actual = (
        select(func.count())
        .where(jobs.c.stage_id == stages.c.id, one_of(jobs.c.state, UNFINISHED))
        .correlate(stages)
        .scalar_subquery()
    )
    return select(stages.c.id, stages.c.name, stages.c.remaining, actual.label("actual")).where(
        one_of(stages.c.state, UNENDED), stages.c.remaining != actual
    )


def undecided(connection: Connection) -> list[Damage]:
    """Return the open stages with nothing left, and the running runs with no stage left."""
    idle = select(stages.c.id, stages.c.name).where(
        is_in(stages.c.state, StageState.OPEN, UNENDED), stages.c.remaining == 0
    )
    left = select(stages.c.id).where(stages.c.run_id == runs.c.id, one_of(stages.c.state, UNENDED))
    opened = left.where(stages.c.state == constant(StageState.OPEN))
    halted = select(runs.c.id).where(is_in(runs.c.state, RunState.RUNNING, UNCOMPLETED), ~opened.exists())
    return [
        *(
            Damage("stage", str(row.id), f"stage {row.name} is open with nothing left", "close it and go on")
            for row in connection.execute(idle)
        ),
        *(
            Damage(
                "run", row.id, "the run is running and no stage of it is open", "open the next stage, or end the run"
            )
            for row in connection.execute(halted)
        ),
    ]


def unreleased(connection: Connection) -> list[Damage]:
    """Return the unfinished jobs that wait for their stage to open, which has opened."""
    early = (jobs.c.due_at.is_(None), one_of(stages.c.state, (StageState.OPEN, StageState.CLOSED)))
    query = select(jobs.c.id, stages.c.name).join(stages, stages.c.id == jobs.c.stage_id).where(*early)
    found = {
        row.id: row.name
        for states in (LATER, (JobState.AVAILABLE,))  # each by its own partial index
        for row in connection.execute(query.where(one_of(jobs.c.state, states)))
    }
    return [
        Damage("unreleased", job_id, f"it waits for stage {name}, which has opened without it", "make it due now")
        for job_id, name in sorted(found.items())
    ]


def remember(connection: Connection, job_id: str) -> None:
    """Make a job due now that waits for nothing; the relay publishes it."""
    waits = (jobs.c.id == job_id, one_of(jobs.c.state, WAITING), jobs.c.due_at.is_(None))
    connection.execute(update(jobs).where(*waits).values(due_at=now()))


def unpromoted(connection: Connection, *, after: float) -> list[Damage]:
    """Return the queues with jobs that have been due for `after` seconds or longer and were not made available."""
    late = select(jobs.c.queue, func.count()).where(one_of(jobs.c.state, LATER), jobs.c.due_at < now(-after))
    problem = f"jobs have been due for more than {after:g} s and were not made available"
    return [
        Damage("unpromoted", queue, f"{number} {problem}", "run a relay pass")
        for queue, number in connection.execute(late.group_by(jobs.c.queue))
    ]


def abandoned(connection: Connection, *, after: float) -> list[Damage]:
    """Return the running jobs whose lease ended `after` seconds ago or longer."""
    query = select(jobs.c.id, jobs.c.pid).where(
        jobs.c.state == constant(JobState.RUNNING), jobs.c.lease_until < now(-after)
    )
    problem = f"the lease of its process {{}} ended more than {after:g} s ago and no relay took over"
    return [
        Damage("abandoned", row.id, problem.format(row.pid), "take over from it") for row in connection.execute(query)
    ]
