"""What failed and has not succeeded since, in groups of one error: dead letters, and jobs that will be tried again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, exists, func, select

from clerk.database.literals import constant, is_in
from clerk.database.states import LATER, UNSUCCESSFUL, JobState
from clerk.database.tables import attempts_table as attempts
from clerk.database.tables import jobs_table as jobs


class Alike(NamedTuple):
    """Jobs of one type and site with the same error; `first` and `last` say when they failed."""

    job_type: str
    subdomain: str
    error: str | None
    number: int
    first: datetime
    last: datetime
    newest: str  # id of the job that was recorded last


def failed_since(connection: Connection, since: datetime) -> tuple[Sequence[Alike], Sequence[Alike]]:
    """Return the dead letters since then, and the jobs that wait for another attempt after one that failed since."""
    discarded = is_in(jobs.c.state, JobState.DISCARDED, UNSUCCESSFUL), jobs.c.finished_at >= since
    uncounted = exists().where(
        attempts.c.job_id == jobs.c.id,
        attempts.c.attempt == jobs.c.attempt,
        attempts.c.outcome.in_(("handed-back", "snoozed")),
    )
    failed = jobs.c.started_at >= since, ~uncounted
    later = is_in(jobs.c.state, JobState.RETRYABLE, LATER), *failed
    # Its time has come, and it waits for a worker or a limit. A new job has no error.
    due = [
        (jobs.c.state == constant(state), jobs.c.error.is_not(None), *failed)
        for state in (JobState.AVAILABLE, JobState.HELD)
    ]
    retries = [row for which in (later, *due) for row in _grouped(connection, jobs.c.started_at, *which)]
    return _grouped(connection, jobs.c.finished_at, *discarded), retries


def _grouped(connection: Connection, moment: Any, *conditions: Any) -> Sequence[Alike]:
    alike = (jobs.c.job_type, jobs.c.subdomain, jobs.c.error)
    query = select(*alike, func.count(), func.min(moment), func.max(moment), func.max(jobs.c.id))
    return [Alike._make(row) for row in connection.execute(query.where(*conditions).group_by(*alike))]
