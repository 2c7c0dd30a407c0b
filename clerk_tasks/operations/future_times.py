"""Times that lie in the future although they were recorded: the clock was ahead. Find them, and mend them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, ColumnElement, Connection, Delete, Update, and_, delete, func, or_, select, update

from clerk.database.clock import CLOCK_MARGIN, database_time, now, parse_moment, seconds_between
from clerk.database.literals import constant, is_in
from clerk.database.states import LATER, UNSUCCESSFUL, JobState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import pauses_table as pauses
from clerk.database.tables import queues_table as queues
from clerk.database.tables import runs_table as runs
from clerk.database.tables import schedule_slots_table as slots
from clerk.database.tables import sites_table as sites
from clerk.database.tables import workers_table as workers
from clerk.settings import settings
from clerk_tasks.ledger.backoff import LONGEST_WAIT, MOST_JITTER
from clerk_tasks.ledger.diagnosis import Damage
from clerk_tasks.operations.times import LONGEST_DURATION

_LATER = now(CLOCK_MARGIN)
#: The kind that is no time of the database's own, but text.
_UPDATES = "meetings updates"
_RUNNING = jobs.c.state == constant(JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of time: where it is, when it is wrong, what mends it, and what `why` calls it."""

    column: Column[object]
    wrong: ColumnElement[bool]
    mend: Update | Delete
    remedy: str
    when: str = ""


def _of_jobs() -> Mapping[str, _Kind]:
    return {
        "retries": _Kind(
            jobs.c.due_at,
            # The attempt or the job began in the future, or the wait is longer than any.
            is_in(jobs.c.state, JobState.RETRYABLE, LATER)
            & (jobs.c.due_at > _LATER)
            & or_(
                jobs.c.started_at > _LATER,
                jobs.c.created_at > _LATER,
                and_(
                    jobs.c.due_at > now(LONGEST_WAIT + CLOCK_MARGIN),
                    jobs.c.due_at > now(MOST_JITTER * jobs.c.backoff_cap + CLOCK_MARGIN),
                ),
            ),
            update(jobs).values(due_at=now()),
            "due now",
            "When it is due",
        ),
        "delays": _Kind(
            jobs.c.due_at,
            is_in(jobs.c.state, JobState.SCHEDULED, LATER)
            & (jobs.c.due_at > _LATER)
            & or_(jobs.c.created_at > _LATER, jobs.c.due_at > now(LONGEST_DURATION + CLOCK_MARGIN)),
            update(jobs).values(due_at=now()),
            "due now",
            "When it is due",
        ),
        "leases": _Kind(
            jobs.c.lease_until,
            _RUNNING & (jobs.c.lease_until > now(2 * settings().lease)),
            update(jobs).values(lease_until=now()),
            "end them; a worker that still runs the job renews its own",
            "The end of its lease",
        ),
        "time limits": _Kind(
            jobs.c.deadline_at,
            _RUNNING & (jobs.c.deadline_at > now(jobs.c.time_limit + CLOCK_MARGIN)),
            update(jobs).values(deadline_at=now(jobs.c.time_limit)),
            "count them from now",
            "The end of its time limit",
        ),
        "cancellations": _Kind(
            jobs.c.cancel_requested_at,
            _RUNNING & (jobs.c.cancel_requested_at > _LATER),
            update(jobs).values(cancel_requested_at=now()),
            "count them from now",
            "When it was asked to stop",
        ),
        "dead letters": _Kind(
            jobs.c.finished_at,
            is_in(jobs.c.state, JobState.DISCARDED, UNSUCCESSFUL) & (jobs.c.finished_at > _LATER),
            update(jobs).values(finished_at=now()),
            "let them have ended now",
            "When it ended",
        ),
    }


def _of_others() -> Mapping[str, _Kind]:
    return {
        "messages": _Kind(
            queues.c.published_at,
            queues.c.published_at > _LATER,
            update(queues).values(published_at=None),
            "forget them, so that others are published",
        ),
        "workers": _Kind(
            workers.c.seen_at,
            workers.c.seen_at > _LATER,
            update(workers).values(seen_at=now(-86400)),
            "forget when they were seen; those that run report again",
        ),
        "runs": _Kind(
            runs.c.created_at,
            runs.c.created_at > _LATER,
            update(runs).values(created_at=now()),
            "let them have begun now",
        ),
        "pauses": _Kind(
            pauses.c.since,
            pauses.c.since > _LATER,
            update(pauses).values(since=now(), until=now(seconds_between(pauses.c.since, pauses.c.until))),
            "let them have begun now, and last as long as they were meant to",
        ),
        "finance updates": _Kind(
            sites.c.finance_last_updated,
            sites.c.finance_last_updated > _LATER,
            update(sites).values(finance_last_updated=None),
            "forget them, so that these sites have their turn",
        ),
        "slots": _Kind(
            slots.c.due_at,
            slots.c.due_at > _LATER,
            delete(slots),
            "delete them; the schedules fire again then",
        ),
    }


def _kinds() -> Mapping[str, _Kind]:
    return {**_of_jobs(), **_of_others()}


def find_future_times(connection: Connection) -> list[Damage]:
    """Return each kind of time that lies in the future, with how many there are."""
    found = []
    for name, kind in _kinds().items():
        query = select(func.count(), func.max(kind.column)).where(kind.wrong)
        number, latest = connection.execute(query).one()
        if number:
            found.append(Damage("future", name, _problem(number, latest), kind.remedy))
    if ahead := _sites_ahead(connection):
        remedy = "forget them, so that these sites have their turn"
        found.append(Damage("future", _UPDATES, _problem(len(ahead), max(ahead.values())), remedy))
    return found


def _problem(number: int, latest: object) -> str:
    return f"{number} lie in the future, the last at {latest}: the clock was ahead"


def _sites_ahead(connection: Connection) -> dict[str, datetime]:
    """Return the sites whose meetings were updated in the future; that is text which several programs wrote."""
    present = database_time(connection)
    recent = select(sites.c.subdomain, sites.c.last_updated).where(sites.c.last_updated >= f"{present:%Y-%m-%d}")
    moments = {name: parse_moment(text) for name, text in connection.execute(recent)}
    latest = present + timedelta(seconds=CLOCK_MARGIN)
    return {name: moment for name, moment in moments.items() if moment is not None and moment > latest}


def future_times_of(connection: Connection, job_id: str) -> Iterator[str]:
    """Return a sentence for each time of a job that lies in the future although it was recorded."""
    kinds = list(_of_jobs().values())
    row = connection.execute(select(*(kind.wrong for kind in kinds)).where(jobs.c.id == job_id)).one()
    for wrong, kind in zip(row, kinds, strict=True):
        if wrong:
            yield f"{kind.when} was written by a clock that was ahead: run `clerk-tasks doctor --fix`."


def mend_future_times(connection: Connection, name: str) -> None:
    """Mend the times of one kind."""
    if name == _UPDATES:
        for subdomain in _sites_ahead(connection):
            connection.execute(update(sites).where(sites.c.subdomain == subdomain).values(last_updated=None))
        return
    kind = _kinds()[name]
    connection.execute(kind.mend.where(kind.wrong))
