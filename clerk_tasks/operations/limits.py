"""The limits of job types: what holds, and what an operator sets in place of the plugin's."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from clerk.acts import operator, record_act
from clerk.database.literals import one_of
from clerk.database.states import JobState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import limits_table
from clerk.database.transactions import reading, transaction
from clerk.errors import ConflictError, NotFoundError, UsageError
from clerk.jobs import parse_rate
from clerk.pauses import paused_now
from clerk_tasks.dispatcher import publish
from clerk_tasks.job_types.registry import registry
from clerk_tasks.ledger import limits
from clerk_tasks.ledger.insert import Message
from clerk_tasks.ledger.limits import OPERATOR, Numbers

_PERIODS = {1.0: "s", 60.0: "min", 3600.0: "hour", 86400.0: "day"}
_COUNTED = (JobState.RUNNING, JobState.AVAILABLE, JobState.HELD)


def set_limit(
    job_type: str, *, concurrency: int | None, rate: str | None, unlimited: bool, reason: str
) -> dict[str, Any]:
    """Limit a job type in place of its plugin; return its limit, as `list_limits` does.

    Raises NotFoundError for an unknown job type, ConflictError for one without a limit in its plugin, whose jobs have
    no key to be counted by, UsageError for a wrong rate or concurrency, for no number and for no reason.
    """
    if registry().get(job_type).job_type.limit is None:
        raise ConflictError(f"Job type {job_type} has no limit in its plugin: give it JobType(limit=Limit(...)) first.")
    if unlimited == (concurrency is not None or rate is not None):
        raise UsageError("Give --concurrency, --rate or both, or --none.")
    if concurrency is not None and concurrency < 1:
        raise UsageError(f"A concurrency is 1 or more, not {concurrency}; `clerk-tasks pause type` stops a job type.")
    if not reason.strip():
        raise UsageError("Give a --reason: who finds the limit reads that.")
    try:
        number, period = parse_rate(rate) if rate is not None else (None, None)
    except ValueError as error:
        raise UsageError(f"{error}.") from None
    with transaction() as connection:
        numbers = Numbers(concurrency, number, period)
        limits.put(connection, job_type, numbers, source=OPERATOR, by=operator(), reason=reason.strip())
        record_act(connection, "limit", f"type {job_type}", reason=reason.strip())
    return _in_force(job_type)


def reset_limit(job_type: str) -> dict[str, Any]:
    """Return to the plugin's limit, and return that. Raises NotFoundError if an operator has set none."""
    limit = registry().get(job_type).job_type.limit
    with transaction() as connection:
        if not limits.take_off(connection, job_type):
            raise NotFoundError(f"No operator has set a limit for {job_type!r}: see `clerk-tasks limits show`.")
        limits.note_missing(connection, {job_type: limit} if limit else {})
        record_act(connection, "limit", f"type {job_type} to its plugin's limit")
    return _in_force(job_type)


def list_limits(job_type: str | None = None) -> list[dict[str, Any]]:
    """Return the limits, one of each job type that has one, or of one job type.

    Each has `job_type`, `key` (its template, None for all jobs of the type), `concurrency`, `rate` (such as 30/min),
    `source` (plugin, operator), `by`, `reason`, `since`, and the numbers of jobs `running`, `available` and `held`.
    Raises NotFoundError for a job type without a limit.
    """
    known = registry().job_types
    ours = {name: found.job_type.limit for name, found in known.items() if found.job_type.limit}
    with reading() as connection:
        missing = ours.keys() - set(connection.execute(select(limits_table.c.job_type)).scalars())
    if missing:
        with transaction() as connection:
            limits.note_missing(connection, ours)
    with reading() as connection:
        rows = connection.execute(select(limits_table).order_by(limits_table.c.source.desc()))
        found = {row.job_type: row for row in rows}
        counts = _counts(connection)
    if job_type is not None and job_type not in found:
        raise NotFoundError(f"{job_type!r} has no limit. Those with one: {', '.join(sorted(found)) or '-'}.")
    return [_row(found[name], counts) for name in ([job_type] if job_type else sorted(found))]


def _in_force(job_type: str) -> dict[str, Any]:
    """Admit what a limit that has changed leaves room for; return the limit."""
    messages: list[Message] = []
    with reading() as connection:
        keys = [key for key in limits.held_keys(connection) if key.partition(":")[0] == job_type]
    for key in keys:
        with transaction() as connection:
            messages += limits.admit(connection, key, paused_now(connection))
    publish(messages)
    return list_limits(job_type)[0]


def _counts(connection: Connection) -> dict[tuple[str, str], int]:
    """Return {(job type, state): number of jobs with a limit}."""
    found: dict[tuple[str, str], int] = {}
    for states in ((JobState.AVAILABLE, JobState.RUNNING), (JobState.HELD,)):
        # In the words of their partial indexes, and by these: OFFSET 0 keeps the grouping out of it.
        limited = select(jobs.c.job_type, jobs.c.state).where(
            one_of(jobs.c.state, states), jobs.c.limit_key.is_not(None)
        )
        some = limited.offset(0).subquery()
        numbers = select(some.c.job_type, some.c.state, func.count()).group_by(some.c.job_type, some.c.state)
        found |= {(row[0], row[1]): row[2] for row in connection.execute(numbers)}
    return found


def _row(row: Any, counts: dict[tuple[str, str], int]) -> dict[str, Any]:
    known = registry().job_types.get(row.job_type)
    limit = known.job_type.limit if known else None
    return {
        "job_type": row.job_type,
        "key": (limit.key or None) if limit else None,
        "concurrency": row.concurrency,
        "rate": written(row.rate, row.period),
        "source": row.source,
        "by": row.by,
        "reason": row.reason,
        "since": row.since,
        **{state.value: counts.get((row.job_type, state.value), 0) for state in _COUNTED},
    }


def written(rate: int | None, period: float | None) -> str | None:
    """Return a rate as people write it, None without one."""
    return None if rate is None or period is None else f"{rate}/{_PERIODS.get(period, f'{period:g} s')}"


def in_words(numbers: Numbers) -> str:
    """Return what a limit allows, for a sentence."""
    parts = [f"{numbers.concurrency} at once"] if numbers.concurrency is not None else []
    rate = written(numbers.rate, numbers.period)
    return " and ".join([*parts, *([rate] if rate else [])]) or "no limit"
