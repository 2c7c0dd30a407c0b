"""When schedules are due, and what became of every slot; beat only has to call `tick` now and then."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, RowMapping, select
from sqlalchemy.dialects import postgresql, sqlite

from clerk.database.clock import database_time, now
from clerk.database.tables import schedule_slots_table as slots
from clerk.database.transactions import reading, reading_only, transaction
from clerk.errors import ConflictError, DatabaseUnavailable, NotFoundError
from clerk.jobs import JobRequest
from clerk.paths import is_subdomain
from clerk.pauses import Paused, find_pause, paused_now
from clerk.redaction import storable
from clerk.schedule import CatchUp, Schedule
from clerk_tasks.dispatcher import publish
from clerk_tasks.ledger.insert import Message, NewJob
from clerk_tasks.ledger.meta import remember
from clerk_tasks.pipeline import ask_plugins
from clerk_tasks.recording import grouped, pipeline_of, record_groups
from clerk_tasks.schedules.author_errors import explained, naming
from clerk_tasks.schedules.circuit_breaker import trip
from clerk_tasks.schedules.cron import moments, slots_between
from clerk_tasks.schedules.declared import gather, requests_of
from clerk_tasks.schedules.maintenance import Chore

logger = logging.getLogger(__name__)

#: A slot that is met within so long is on time; later ones are caught up with by the schedule's policy.
ON_TIME = timedelta(minutes=5)
#: How many missed slots one tick records by themselves; older ones are recorded together, as one.
MOST_MISSED = 1000
#: The row of `clerk_meta` that says when a tick was made last.
BEAT_SEEN = "beat_seen_at"


@dataclass(frozen=True, slots=True)
class Fired:
    """One slot that a tick decided: enqueued, nothing (nothing to do), missed, paused or failed; a chore's: done."""

    schedule: str
    due_at: datetime
    fate: str
    job_ids: Sequence[str] = ()
    detail: str | None = None


def find(name: str) -> Schedule:
    """Return a schedule; NotFoundError lists the known ones."""
    known = gather()
    if name not in known:
        raise NotFoundError(f"Unknown schedule {name!r}. Known: {', '.join(known) or 'none'}.")
    return known[name]


def tick() -> list[Fired]:
    """Decide every slot that has fallen due; any number of processes may tick at any time, each slot fires once."""
    fired = []
    for schedule in sorted(gather().values(), key=lambda schedule: isinstance(schedule, Chore)):  # these take a while
        fired += _keep(schedule)
    with transaction() as connection:
        remember(connection, BEAT_SEEN, database_time(connection).isoformat())
    return fired


def fire_now(name: str) -> Fired:
    """Fire a schedule at this moment, due or not; the slot is kept like any other. ConflictError if it is paused."""
    schedule = find(name)
    with reading() as connection:
        current = database_time(connection)
        if pause := find_pause(connection, "schedule", name):
            raise ConflictError(str(pause))
    with naming(schedule):
        fired, messages = _fire(schedule, current)
    publish(messages)
    return fired


def _keep(schedule: Schedule) -> list[Fired]:
    with reading() as connection:
        current = database_time(connection)
        last = _last(connection, schedule)
        pause = find_pause(connection, "schedule", schedule.name)
    firing: list[datetime] = []
    if last is None:  # it was never seen before
        decided = [Fired(schedule.name, current, "began")]
    else:
        due, older = slots_between(schedule, last["due_at"], current, most=MOST_MISSED)
        missed, firing = _divide(schedule, due, current) if pause is None else (due, [])
        fate, detail = ("missed", None) if pause is None else ("paused", str(pause))
        decided = [Fired(schedule.name, moment, fate, detail=detail) for moment in missed]
        if older is not None:
            decided.insert(0, Fired(schedule.name, older, "missed", detail=f"every slot after {last['due_at']}"))
    if decided:
        with transaction() as connection:
            decided = [fired for fired in decided if _decide(connection, fired) and last is not None]
    # Each in a transaction of its own: one that fails takes no other along.
    return decided + [_fire_due(schedule, moment) for moment in firing]


def _fire_due(schedule: Schedule, moment: datetime) -> Fired:
    try:
        fired, messages = _fire(schedule, moment)
    except DatabaseUnavailable:
        raise
    except Exception as error:
        # The plugin's mistake: the slot keeps it, and the other schedules go on.
        fired = _failure(schedule, moment, error)
        with transaction() as connection:
            _decide(connection, fired)
        return fired
    publish(messages)
    return fired


def _failure(schedule: Schedule, moment: datetime, error: Exception) -> Fired:
    """Log an error that is being handled; return the slot that failed by it."""
    logger.exception("schedule %s, slot %s: failed", schedule.name, moment)
    return Fired(schedule.name, moment, "failed", detail=storable(explained(schedule, error))[:1000])


def _last(connection: Connection, schedule: Schedule) -> RowMapping | None:
    """Return the newest slot; those of a clock that was ahead do not count, they would silence the schedule."""
    query = select(slots).where(slots.c.schedule == schedule.name, slots.c.due_at <= now())
    return connection.execute(query.order_by(slots.c.due_at.desc()).limit(1)).mappings().first()


def _divide(schedule: Schedule, due: list[datetime], current: datetime) -> tuple[list[datetime], list[datetime]]:
    """Return the slots to record as missed and those to fire, by the schedule's policy."""
    if schedule.catch_up is CatchUp.ALL:
        return [], due
    if schedule.catch_up is CatchUp.SKIP and due and current - due[-1] > ON_TIME:
        return due, []
    return due[:-1], due[-1:]


def _fire(schedule: Schedule, moment: datetime) -> tuple[Fired, list[Message]]:
    """Take a slot and record its jobs in one transaction; nothing if another beat has it."""
    if isinstance(schedule, Chore):
        return _do(schedule, moment), []
    chosen = _choose(schedule, moment)
    if chosen is None:
        return Fired(schedule.name, moment, "taken"), []
    requests, paused = chosen
    held = {request.subdomain for request in requests if request.subdomain in paused.sites}
    requests = [request for request in requests if request.subdomain not in held]
    ask_plugins()
    refused = [request.subdomain for request in requests if not is_subdomain(request.subdomain)]
    groups = grouped([request for request in requests if is_subdomain(request.subdomain)])
    with transaction() as connection:
        # The slot first: a second beat waits here for our commit, and then finds it taken.
        if not _decide(connection, Fired(schedule.name, moment, "enqueued")):
            return Fired(schedule.name, moment, "taken"), []
        held.update(trip(connection, [(jobs[0].subdomain, pipeline_of(jobs[0].job_type)) for jobs in groups]))
        groups = [jobs for jobs in groups if jobs[0].subdomain not in held]
        return _enqueue(connection, Fired(schedule.name, moment, "nothing"), groups, refused, sorted(held))


def _do(chore: Chore, moment: datetime) -> Fired:
    """Take a slot, then do the chore; its work is safe to repeat, so it is outside the transaction."""
    with transaction() as connection:
        if not _decide(connection, Fired(chore.name, moment, "started")):
            return Fired(chore.name, moment, "taken")
    try:
        fired = Fired(chore.name, moment, "done", detail=chore.work())
    except DatabaseUnavailable:
        raise
    except Exception as error:
        fired = _failure(chore, moment, error)
    with transaction() as connection:
        _settle(connection, fired)
    return fired


def _choose(schedule: Schedule, moment: datetime) -> tuple[list[JobRequest], Paused] | None:
    """Ask a schedule for its jobs, in a transaction that can only read; None if the slot has its fate already."""
    with reading_only() as connection:
        taken = select(slots.c.fate).where(slots.c.schedule == schedule.name, slots.c.due_at == moment)
        if connection.execute(taken).first():
            return None
        paused = paused_now(connection)
        return requests_of(schedule, connection), paused


def _enqueue(
    connection: Connection, fired: Fired, groups: list[list[NewJob]], refused: list[str], held: list[str]
) -> tuple[Fired, list[Message]]:
    recorded = record_groups(connection, groups)
    details = [f"{key}: job {winner} is at it" for key, winner in recorded.conflicts.items()]
    details += [f"skipped {name!r:.80}, which is no subdomain" for name in refused]
    details += [f"skipped {name}, which is paused" for name in held]
    fate = "enqueued" if recorded.job_ids else "nothing"
    fired = replace(fired, fate=fate, job_ids=recorded.job_ids, detail=storable("; ".join(details)) or None)
    _settle(connection, fired)
    return fired, recorded.messages


def _settle(connection: Connection, fired: Fired) -> None:
    """Record what became of a slot that was taken."""
    connection.execute(
        slots.update()
        .where(slots.c.schedule == fired.schedule, slots.c.due_at == fired.due_at)
        .values(fate=fired.fate, jobs=list(fired.job_ids), detail=fired.detail)
    )


def _decide(connection: Connection, fired: Fired) -> bool:
    """Record a slot's fate; False if it has one already."""
    decided = {"fate": fired.fate, "jobs": list(fired.job_ids), "detail": fired.detail, "decided_at": now()}
    insert = _dialect(connection).insert(slots).values(schedule=fired.schedule, due_at=fired.due_at, **decided)
    # Not by the row count, which is unknown for an INSERT on PostgreSQL.
    inserted = connection.execute(insert.on_conflict_do_nothing().returning(slots.c.schedule))
    return inserted.first() is not None


def _dialect(connection: Connection) -> ModuleType:
    return postgresql if connection.dialect.name == "postgresql" else sqlite


def describe(schedule: Schedule, connection: Connection) -> dict[str, Any]:
    """Return a schedule with its next slot and its last one's fate."""
    last = _last(connection, schedule)
    return {
        "name": schedule.name,
        "cron": schedule.cron,
        "timezone": schedule.timezone,
        "catch_up": schedule.catch_up.value,
        "description": schedule.description,
        "next": next(moments(schedule, database_time(connection))).isoformat(),
        "last": last and last["due_at"].isoformat(),
        "last_fate": last and last["fate"],
        "last_jobs": list(last["jobs"] or ()) if last else [],
        "last_detail": last and last["detail"],
    }


def last_slots(connection: Connection, name: str, count: int) -> list[dict[str, Any]]:
    """Return the last slots of a schedule, newest first."""
    columns = (slots.c.due_at, slots.c.fate, slots.c.jobs, slots.c.detail)
    query = select(*columns).where(slots.c.schedule == name).order_by(slots.c.due_at.desc()).limit(count)
    return [dict(row) for row in connection.execute(query).mappings()]


def seconds_to_next() -> float | None:
    """Return how long it is until the next slot of any schedule, None if there is no schedule."""
    known = gather().values()
    with reading() as connection:
        current = database_time(connection)
    following = [next(moments(schedule, current)) for schedule in known]
    return max(0.0, (min(following) - current).total_seconds()) if following else None
