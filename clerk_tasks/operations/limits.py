"""The limits of job types: what holds, and what an operator sets in place of the plugin's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, func, select

from clerk.acts import operator, record_act
from clerk.database.literals import is_in
from clerk.database.states import ADMITTED, JobState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import limits_table
from clerk.database.transactions import reading, transaction
from clerk.errors import ConflictError, NotFoundError, UsageError
from clerk.jobs import parse_rate
from clerk.pauses import paused_now
from clerk_tasks.dispatcher import publish
from clerk_tasks.job_types.registry import registry
from clerk_tasks.ledger import limits, operator_limits
from clerk_tasks.ledger.insert import Message
from clerk_tasks.ledger.limits import Numbers
from clerk_tasks.ledger.operator_limits import OPERATOR

_PERIODS = {1.0: "s", 60.0: "min", 3600.0: "hour", 86400.0: "day"}
_COUNTED = (JobState.RUNNING, JobState.AVAILABLE, JobState.HELD)
#: What is said of a job type without a limit.
_NO_LIMIT = dict.fromkeys(("key", "concurrency", "rate", "source", "by", "reason", "since")) | dict.fromkeys(
    _COUNTED, 0
)


def set_limit(
    job_type: str, *, concurrency: int | None, rate: str | None, unlimited: bool, reason: str
) -> dict[str, Any]:
    """Limit a job type in place of its plugin; return its limit, as `list_limits` does.

    Without a limit in the plugin, all jobs of the type are counted together. Raises NotFoundError for an unknown job
    type, UsageError for a wrong rate or concurrency, for no number and for no reason, ConflictError if there is no
    limit to take off.
    """
    if registry().get(job_type).job_type.limit is None and unlimited:
        raise ConflictError(f"The plugin of {job_type} gives it no limit; `clerk-tasks limits reset` takes off yours.")
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
    found = _rows(job_type)
    if job_type is not None and not found:
        names = ", ".join(row["job_type"] for row in _rows()) or "-"
        raise NotFoundError(f"{job_type!r} has no limit. Those with one: {names}.")
    return found


def _rows(job_type: str | None = None) -> list[dict[str, Any]]:
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
    return [_row(found[name], counts) for name in sorted(found) if job_type in (None, name)]


def _in_force(job_type: str) -> dict[str, Any]:
    """Admit what a limit that has changed leaves room for; return the limit."""
    messages: list[Message] = []
    more = True
    while more:
        with transaction() as connection:
            set_by_operator = operator_limits.limited_types(connection, [job_type])
            more = bool(set_by_operator) and operator_limits.give_keys(connection, job_type)
    with reading() as connection:
        keys = [key for key in limits.held_keys(connection) if key.partition(":")[0] == job_type]
    for key in keys:
        with transaction() as connection:
            messages += limits.admit(connection, key, paused_now(connection))
    publish(messages)
    return next(iter(_rows(job_type)), {"job_type": job_type} | _NO_LIMIT)


def _counts(connection: Connection) -> Counter[tuple[str, str]]:
    """Return {(job type, state): number of jobs with a limit}; a limit's key begins with the job type."""
    found: Counter[tuple[str, str]] = Counter()
    for state, among in (
        (JobState.RUNNING, ADMITTED),
        (JobState.AVAILABLE, ADMITTED),
        (JobState.HELD, (JobState.HELD,)),
    ):
        limited = (is_in(jobs.c.state, state, among), jobs.c.limit_key.is_not(None))
        numbers = select(jobs.c.limit_key, func.count()).where(*limited).group_by(jobs.c.limit_key)
        for key, number in connection.execute(numbers):
            found[key.partition(":")[0], state.value] += number
    return found


def _row(row: Any, counts: Mapping[tuple[str, str], int]) -> dict[str, Any]:
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
