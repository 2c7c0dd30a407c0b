"""Which jobs a command is about: one filter, in the same SQL for lists and for acts on all that match."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from clerk.database.clock import now
from clerk.database.literals import one_of
from clerk.database.states import LATER, UNFINISHED, UNSUCCESSFUL, JobState
from clerk.database.tables import jobs_table as jobs
from clerk_tasks.ledger.causes import fingerprint
from clerk_tasks.ledger.json_text import json_text

#: The states that a partial index has together; a statement must repeat them for SQLite to use it.
_INDEXED = ((JobState.AVAILABLE,), (JobState.RUNNING,), LATER, UNSUCCESSFUL, UNFINISHED)


@dataclass(frozen=True, kw_only=True, slots=True)
class JobFilter:
    """What has to hold of a job, all of it; without any, every job matches. Ages are in seconds since its record."""

    state: JobState | None = None
    job_type: str | None = None
    subdomain: str | None = None
    run_id: str | None = None
    queue: str | None = None
    error_like: str | None = None
    fingerprint: str | None = None  # of a cause, as `failures` has it
    arguments: tuple[tuple[str, str], ...] = ()
    older_than: float | None = None
    newer_than: float | None = None

    def __str__(self) -> str:
        """Return it as options of the command line."""
        return " ".join(f"{option} {shlex.quote(value)}" for option, value in self._options())

    def _options(self) -> Iterator[tuple[str, str]]:
        for option, value in (
            *(("--state", self.state), ("--job-type", self.job_type), ("--subdomain", self.subdomain)),
            *(("--run-id", self.run_id), ("--queue", self.queue), ("--error-like", self.error_like)),
            ("--fingerprint", self.fingerprint),
        ):
            if value is not None:
                yield option, str(value)
        for name, text in self.arguments:
            yield "--arg", f"{name}={text}"
        for option, seconds in (("--older-than", self.older_than), ("--since", self.newer_than)):
            if seconds is not None:
                yield option, f"{seconds:g}s"

    def narrows(self, states: Sequence[JobState]) -> bool:
        """Return whether some job in one of the states may not match."""
        named = any(option != "--state" for option, _ in self._options())
        return named or (self.state is not None and set(states) != {self.state})

    def conditions(self, states: Sequence[JobState] = ()) -> list[ColumnElement[bool]]:
        """Return what SQL can check, also that the job is in one of the states, if there are any."""
        found = [
            column == value
            for column, value in (
                *((jobs.c.job_type, self.job_type), (jobs.c.subdomain, self.subdomain)),
                *((jobs.c.run_id, self.run_id), (jobs.c.queue, self.queue)),
            )
            if value is not None
        ]
        found += [json_text(jobs.c.arguments, name) == text for name, text in self.arguments]
        if self.error_like is not None:
            found.append(jobs.c.error.icontains(self.error_like, autoescape=True))
        if self.fingerprint is not None:
            found.append(or_(jobs.c.error.is_not(None), _in_states((JobState.DISCARDED, JobState.RETRYABLE))))
        if self.older_than is not None:
            found.append(jobs.c.created_at < now(-self.older_than))
        if self.newer_than is not None:
            found.append(jobs.c.created_at >= now(-self.newer_than))
        wanted = states if self.state is None else (self.state,)
        return [*found, _in_states(wanted)] if wanted else found

    def matches(self, row: Any) -> bool:
        """Return whether a job's type, subdomain and error are as its fingerprint wants: what SQL cannot check."""
        return self.fingerprint in (None, fingerprint(row.job_type, row.error, row.subdomain))


def _in_states(states: Sequence[JobState]) -> ColumnElement[bool]:
    """Return the condition that a job is in one of the states, in the words of the partial index that has them."""
    condition = one_of(jobs.c.state, states)
    covering = next((indexed for indexed in _INDEXED if set(states) <= set(indexed)), None)
    return condition if covering is None or len(covering) == 1 else condition & one_of(jobs.c.state, covering)


def select_ids(
    chosen: JobFilter, states: Sequence[JobState] = (), *also: ColumnElement[bool], before: str | None = None
) -> Select[Any]:
    """Select `id`, `job_type`, `subdomain` and `error` of the jobs that SQL finds; `before`: recorded before this job.

    OFFSET 0: the planner must find them by the index of their state, however many other jobs are newer.
    """
    columns = (jobs.c.id, jobs.c.job_type, jobs.c.subdomain, jobs.c.error)
    query = select(*columns).where(*chosen.conditions(states), *also)
    if before is not None:
        query = query.where(jobs.c.id < before)
    by_state = chosen.state if chosen.state is not None else next(iter(states), None)
    if by_state is None or by_state is JobState.COMPLETED:
        return query
    found = query.offset(0).subquery()
    return select(*found.c)


def matching(
    connection: Connection, chosen: JobFilter, states: Sequence[JobState], *also: ColumnElement[bool]
) -> list[str]:
    """Return the ids of the jobs in one of the states that match, and of which `also` holds; oldest first."""
    query = select_ids(chosen, states, *also)
    if chosen.fingerprint is None:
        ids = query.with_only_columns(query.selected_columns.id).order_by(query.selected_columns.id)
        return list(connection.execute(ids).scalars())
    rows = connection.execute(query.order_by(query.selected_columns.id))
    return [row.id for row in rows if chosen.matches(row)]


def count_matching(connection: Connection, chosen: JobFilter, *, most: int) -> int:
    """Return how many jobs match, `most` and one if there are more."""
    if chosen.fingerprint is not None:
        return len(newest_matching(connection, chosen, before=None, limit=most + 1))
    some = select_ids(chosen).limit(most + 1).subquery()
    return connection.execute(select(func.count()).select_from(some)).scalar_one()


def newest_matching(connection: Connection, chosen: JobFilter, *, before: str | None, limit: int | None) -> list[str]:
    """Return the ids of the newest jobs that match a filter with a fingerprint."""
    query = select_ids(chosen, before=before)
    found: list[str] = []
    for row in connection.execute(query.order_by(query.selected_columns.id.desc())):
        if limit is not None and len(found) >= limit:
            break
        if chosen.matches(row):
            found.append(row.id)
    return found
