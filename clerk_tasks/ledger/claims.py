"""Claim the next job of a queue; on PostgreSQL also in the statement that completes the one before."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Select,
    Text,
    Update,
    bindparam,
    case,
    cast,
    exists,
    literal_column,
    select,
    true,
    update,
)

from clerk.database.clock import now
from clerk.database.literals import constant, one_of
from clerk.database.states import JobState, StageState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import stages_table as stages
from clerk.pauses import Paused
from clerk_tasks.ledger.compiled import Compiled
from clerk_tasks.ledger.paused import NOTHING_PAUSED, sites_left


class Claim(NamedTuple):
    """A job that this process owns, for this one attempt."""

    job_id: str
    attempt: int
    instance: str
    pid: int
    run_id: str
    stage_id: int
    job_type: str
    subdomain: str
    arguments: str  # JSON
    max_attempts: int
    backoff_base: float  # seconds
    backoff_cap: float  # seconds
    left: int = 0  # jobs of its stage that had not ended, itself among them, when it was claimed

    def __str__(self) -> str:
        return f"{self.job_id} ({self.job_type} {self.subdomain}, attempt {self.attempt} of {self.max_attempts})"


#: The columns that make a Claim, in its order.
CLAIMED = (
    jobs.c.id,
    jobs.c.attempt,
    jobs.c.instance,
    jobs.c.pid,
    jobs.c.run_id,
    jobs.c.stage_id,
    jobs.c.job_type,
    jobs.c.subdomain,
    cast(jobs.c.arguments, Text),
    jobs.c.max_attempts,
    jobs.c.backoff_base,
    jobs.c.backoff_cap,
    select(stages.c.remaining).where(stages.c.id == jobs.c.stage_id).correlate(jobs).scalar_subquery(),
)

#: What holds of a job that the attempt still owns. The state is an expression, so that PostgreSQL finds the row by its
#: primary key: of the index of running jobs it often believes that it is empty, and then reads all of it.
MINE = (
    jobs.c.id == bindparam("b_id"),
    jobs.c.state.concat("") == constant(JobState.RUNNING),
    jobs.c.attempt == bindparam("b_attempt"),
)
#: What the end of an attempt resets.
OVER: dict[str, Any] = {"lease_until": None, "deadline_at": None, "note": None}
#: What completion sets.
COMPLETED: dict[str, Any] = OVER | {
    "state": constant(JobState.COMPLETED),
    "finished_at": now(),
    "error": None,
    "result": bindparam("b_result"),
}


class Claimant(NamedTuple):
    """A process that looks for work in a queue, and how long it may own a job without renewal, in seconds."""

    queue: str
    instance: str
    pid: int
    lease: float


class Claims:
    """The statements that claim jobs of the given types, one at a time, by priority and then by age.

    What is paused is not claimed.
    """

    def __init__(self, job_types: Iterable[str], paused: Paused = NOTHING_PAUSED) -> None:
        self.paused = paused
        following = _next_job(set(job_types) - paused.job_types, paused.sites)
        self._next = Compiled(_claim(following))
        self._complete_and_next = Compiled(_complete_and_claim(following))

    def next(self, connection: Connection, claimant: Claimant) -> Claim | None:
        """Claim the next job of a queue, or return None; skip a job that another process is claiming."""
        row = self._next(connection, _values(claimant))
        return Claim._make(row) if row else None

    def complete_and_next(
        self, connection: Connection, claim: Claim, claimant: Claimant, *, result: Any
    ) -> tuple[bool, Claim | None]:
        """Complete a job and claim the next in one statement of PostgreSQL; return whether it did, and the next job.

        It does nothing where more is to be done or checked: for the last job of a stage, for one that this attempt
        does not own any more, and for one that was retried after its stage had closed.
        """
        values = {"b_id": claim.job_id, "b_attempt": claim.attempt, "b_result": as_json(result)}
        row = self._complete_and_next(connection, values | _values(claimant))
        if row is None:
            return False, None
        return True, Claim._make(row[1:]) if row[1] is not None else None


def as_json(result: Any) -> str | None:
    """Return a job's result as its column wants it."""
    return None if result is None else json.dumps(result)


def _values(claimant: Claimant) -> dict[str, Any]:
    return {
        "b_queue": claimant.queue,
        "b_instance": claimant.instance,
        "b_pid": claimant.pid,
        "b_lease": claimant.lease,
    }


def _next_job(job_types: Iterable[str], without_sites: Iterable[str]) -> Select[tuple[str]]:
    return (
        select(jobs.c.id)
        .where(
            jobs.c.state == constant(JobState.AVAILABLE),
            jobs.c.queue == bindparam("b_queue"),
            jobs.c.job_type.in_([literal_column(f"'{name}'", Text) for name in sorted(job_types)]),
            *sites_left(without_sites),
        )
        .order_by(jobs.c.priority, jobs.c.id)
        .limit(literal_column("1"))
        .with_for_update(skip_locked=True)
    )


def _claim(following: Select[tuple[str]]) -> Update:
    return (
        update(jobs)
        .where(jobs.c.id == following.scalar_subquery())
        .values(
            state=constant(JobState.RUNNING),
            attempt=jobs.c.attempt + 1,
            instance=bindparam("b_instance"),
            pid=bindparam("b_pid"),
            started_at=now(),
            lease_until=now(
                case((jobs.c.time_limit < bindparam("b_lease"), jobs.c.time_limit), else_=bindparam("b_lease"))
            ),
            deadline_at=now(jobs.c.time_limit),
            note=None,
        )
        .returning(*CLAIMED)
    )


def _complete_and_claim(following: Select[tuple[str]]) -> Select[Any]:
    # The row is locked before the stage: jobs first, then stages, as in every transaction.
    own = select(jobs.c.id, jobs.c.stage_id).where(*MINE).with_for_update().cte("own")
    counted = (
        update(stages)
        .where(
            stages.c.id == own.c.stage_id,
            one_of(stages.c.state, (StageState.OPEN, StageState.WAITING)),
            stages.c.remaining > 1,
        )
        .values(remaining=stages.c.remaining - 1)
        .returning(stages.c.id)
        .cte("counted")
    )
    completed = (
        update(jobs)
        .where(jobs.c.id == own.c.id, exists(select(counted.c.id)))
        .values(COMPLETED)
        .returning(jobs.c.id)
        .cte("completed")
    )
    claimed = _claim(following.where(exists(select(completed.c.id)))).cte("claimed")
    return select(completed.c.id, *claimed.c).select_from(completed.outerjoin(claimed, true()))
