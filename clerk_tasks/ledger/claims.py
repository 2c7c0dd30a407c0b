"""Claim the next job of a queue; on PostgreSQL also in the statement that completes the one before.

PostgreSQL's index keeps an entry of every job that was claimed since the last vacuum. To step over all of them would
slow a long backlog down, so a search does not begin before them if it can help it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    SmallInteger,
    Text,
    Update,
    bindparam,
    case,
    cast,
    exists,
    literal_column,
    select,
    true,
    tuple_,
    union_all,
    update,
)

from clerk.database.clock import now
from clerk.database.literals import constant, one_of
from clerk.database.states import JobState, StageState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import stages_table as stages
from clerk.jobs import Priority
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
    priority: int = 0
    turn: int = 0
    limit_key: str | None = None
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
    jobs.c.priority,
    jobs.c.turn,
    jobs.c.limit_key,
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
    """A process that looks for work in a queue.

    `lease` is how long it may own a job without renewal, in seconds; `begin` says, per priority, from which turn on a
    search looks first.
    """

    queue: str
    instance: str
    pid: int
    lease: float
    begin: Mapping[int, int] = MappingProxyType({})


class Claims:
    """The statements that claim jobs of the given types, one at a time: by priority, then by turn, then by age.

    What is paused is not claimed.
    """

    def __init__(self, job_types: Iterable[str], paused: Paused = NOTHING_PAUSED) -> None:
        self.paused = paused
        searched = (set(job_types) - paused.job_types, paused.sites)
        first = _first_job(*searched)
        self._next = Compiled(_claim(first))
        self._next_from_begin_on = Compiled(_claim(_from_begin_on(first)))
        self._complete_and_next = Compiled(_complete_and_claim(_from_begin_on(first)))
        self._complete_and_go_ahead = Compiled(_complete_and_claim(first.where(_FURTHER_ON)))

    def next(self, connection: Connection, claimant: Claimant) -> Claim | None:
        """Claim the next job of a queue, or return None; skip a job that another process is claiming."""
        if connection.dialect.name == "postgresql":
            row = self._next_from_begin_on(connection, _with_begin(_values(claimant), claimant.begin))
        else:
            row = self._next(connection, _values(claimant))
        return Claim._make(row) if row else None

    def complete_and_next(
        self, connection: Connection, claim: Claim, claimant: Claimant, *, result: Any, ahead: bool = False
    ) -> tuple[bool, Claim | None]:
        """Complete a job and claim the next in one statement of PostgreSQL; return whether it did, and the next job.

        With `ahead` that is a job that comes after the completed one, whatever comes before that, or None.
        It does nothing where more is to be done or checked: for the last job of a stage, for one that this attempt
        does not own any more, and for one that was retried after its stage had closed.
        """
        values = _values(claimant)
        values |= {"b_id": claim.job_id, "b_attempt": claim.attempt, "b_result": as_json(result)}
        if ahead:
            values |= {"b_priority": claim.priority, "b_turn": claim.turn}
            row = self._complete_and_go_ahead(connection, values)
        else:
            row = self._complete_and_next(connection, _with_begin(values, claimant.begin))
        if row is None:
            return False, None
        return True, Claim._make(row[1:]) if row[1] is not None else None


def as_json(result: Any) -> str | None:
    """Return a job's result as its column wants it."""
    return None if result is None else json.dumps(result)


#: The parameters for the turns from which on to search in each priority.
_BEGIN = {int(priority): f"b_begin_{int(priority)}" for priority in Priority}


def _values(claimant: Claimant) -> dict[str, Any]:
    return {
        "b_queue": claimant.queue,
        "b_instance": claimant.instance,
        "b_pid": claimant.pid,
        "b_lease": claimant.lease,
    }


def _with_begin(values: dict[str, Any], begin: Mapping[int, int]) -> dict[str, Any]:
    return values | {name: begin.get(priority, 0) for priority, name in _BEGIN.items()}


def _first_job(types: Iterable[str], without_sites: Iterable[str]) -> Select[tuple[str]]:
    return (
        select(jobs.c.id)
        .where(
            jobs.c.state == constant(JobState.AVAILABLE),
            jobs.c.queue == bindparam("b_queue"),
            jobs.c.job_type.in_([literal_column(f"'{name}'", Text) for name in sorted(types)]),
            *sites_left(without_sites),
        )
        .order_by(jobs.c.priority, jobs.c.turn, jobs.c.id)
        .limit(literal_column("1"))
        .with_for_update(skip_locked=True)
    )


def _from_begin_on(first: Select[tuple[str]]) -> Select[tuple[str]]:
    """Return PostgreSQL's search from a turn on in each priority, and from the beginning only if that finds nothing."""
    parts = [
        first.where(
            jobs.c.priority == literal_column(str(priority)),
            jobs.c.turn >= bindparam(name, type_=BigInteger),
        )
        for priority, name in _BEGIN.items()
    ]
    found = union_all(*(select(part.subquery().c.id) for part in (*parts, first)))
    return select(found.subquery("found").c.id).limit(literal_column("1"))


#: What comes after the job that is being completed.
_FURTHER_ON = tuple_(jobs.c.priority, jobs.c.turn, jobs.c.id) > tuple_(
    bindparam("b_priority", type_=SmallInteger), bindparam("b_turn", type_=BigInteger), bindparam("b_id", type_=Text)
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
