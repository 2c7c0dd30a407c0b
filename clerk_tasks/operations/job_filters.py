"""Read the filter of a command as people write it, and check that what it names is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict, Unpack

from sqlalchemy import Connection

from clerk.database.states import JobState
from clerk.errors import NotFoundError, UsageError
from clerk_tasks.job_types.registry import registry
from clerk_tasks.ledger import queries
from clerk_tasks.ledger.job_filter import JobFilter
from clerk_tasks.operations.known import check_filters, parse_state
from clerk_tasks.operations.short_ids import full_run_id
from clerk_tasks.operations.times import parse_duration

__all__ = ["FilterTexts", "JobFilter", "check_filter", "check_queue", "parse_filter"]


class FilterTexts(TypedDict, total=False):
    """The filter of a command, as it is written there; None: not given."""

    state: str | None
    job_type: str | None
    subdomain: str | None
    run_id: str | None
    queue: str | None
    error_like: str | None
    fingerprint: str | None
    arguments: Sequence[str] | None
    older_than: str | None
    since: str | None


def parse_filter(**texts: Unpack[FilterTexts]) -> JobFilter:
    """Return the filter that the texts make; UsageError for a malformed or empty one."""
    for name, text in texts.items():
        if text == "":
            raise UsageError(f"--{name.replace('_', '-')} is empty.")
    run_id, older, newer = texts.get("run_id"), texts.get("older_than"), texts.get("since")
    return JobFilter(
        state=parse_state(JobState, texts.get("state")),
        job_type=texts.get("job_type"),
        subdomain=texts.get("subdomain"),
        run_id=run_id and full_run_id(run_id),
        queue=texts.get("queue"),
        error_like=texts.get("error_like"),
        fingerprint=texts.get("fingerprint"),
        arguments=tuple(sorted(_arguments(texts.get("arguments") or ()).items())),
        older_than=None if older is None else parse_duration(older),
        newer_than=None if newer is None else parse_duration(newer),
    )


def _arguments(texts: Sequence[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (equals and name.isidentifier()):
            raise UsageError(f"--arg {text}: write NAME=VALUE.")
        if name in found:
            raise UsageError(f"--arg {name} is given twice.")
        found[name] = value
    return found


def check_filter(connection: Connection, chosen: JobFilter) -> None:
    """Raise UsageError for a malformed subdomain, NotFoundError for what does not exist and has left no jobs."""
    check_filters(connection, subdomain=chosen.subdomain, job_type=chosen.job_type, run_id=chosen.run_id)
    if chosen.queue is not None:
        check_queue(connection, chosen.queue)


def check_queue(connection: Connection, name: str) -> None:
    """Raise NotFoundError for a queue that no pool serves here and that has no unfinished job."""
    known = registry().queues | {row["queue"] for row in queries.backlog(connection)}
    if name not in known:
        raise NotFoundError(f"Unknown queue {name!r}. Known: {', '.join(sorted(known))}.")
