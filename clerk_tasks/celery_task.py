"""Celery's own ways to call a task, `delay`, `apply_async` and `send_task`, lead through the dispatcher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from celery import Task
from celery.result import AsyncResult

from clerk.errors import UsageError
from clerk.jobs import JobRequest, Priority
from clerk_tasks.dispatcher import enqueue
from clerk_tasks.job_types.registry import registry
from clerk_tasks.job_types.signatures import signature
from clerk_tasks.recording import parse_priority

#: What Celery gives every call, and means nothing here: where and how a message is sent is the ledger's business.
_OURS = frozenset(
    {
        *("add_to_parent", "argsrepr", "compression", "connection", "delivery_mode", "exchange", "headers"),
        *("ignore_result", "kwargsrepr", "producer", "publisher", "queue", "replaced_task_nesting", "reply_to"),
        *("result_cls", "retries", "retry", "retry_policy", "root_id", "parent_id", "route_name", "router"),
        *("routing_key", "serializer", "shadow", "task_type", "origin", "stamped_headers", "stamps", "immutable"),
    }
)
#: How far ahead a job can be due, in seconds.
LONGEST_COUNTDOWN = 400 * 86400.0
#: What a job cannot have, and what to use instead.
_INSTEAD = {
    "group_id": "a group: enqueue the jobs one by one, or give a stage of a run several jobs",
    "chord": "a chord: let a job spawn its children into a stage, and what gathers them into the next",
    "chain": "a chain: let a job spawn what follows it into a later stage",
    "link": "a callback: let the job spawn what follows it",
    "link_error": "an errback: dead letters are listed by `clerk-tasks jobs list --state discarded`",
    "expires": "an end to waiting: cancel the job instead",
    "time_limit": "a time limit for one call: it belongs to the job type",
    "soft_time_limit": "a time limit for one call: it belongs to the job type",
    "task_id": "an id of the caller's: the dispatcher makes it",
}


class ClerkTask(Task):  # type: ignore[misc]
    """A job type as a Celery task: to call it is to enqueue a job."""

    abstract = True
    #: The dispatcher checks the arguments, against the job's own function.
    typing = False
    #: A slice has none, and no order by remote control gives it one: a job's own is in the ledger.
    time_limit = soft_time_limit = property(lambda _: None)

    def apply_async(
        self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> AsyncResult:
        """Enqueue a job, the site first, and return a result that reads the ledger; see `enqueue_as_celery`."""
        return self.AsyncResult(enqueue_as_celery(self.name, args, kwargs, **options))


def enqueue_as_celery(
    name: str,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    priority: int | str | None = None,
    countdown: float | None = None,
    eta: datetime | None = None,
    **options: Any,
) -> str:
    """Enqueue a job of the task `clerk.<job type>` and return its id.

    `priority` is high, normal, low, or 0 to 2; `countdown` is in seconds; a naive `eta` is UTC. Raises what the
    dispatcher raises, and UsageError for what a job cannot have: a group, a chord, a callback, an id of the caller's.
    """
    if not name.startswith("clerk."):
        raise UsageError(f"{name} is no job type: {_INSTEAD['chord' if 'chord' in name else 'group_id']}.")
    for option in (*_INSTEAD, *options):
        if option not in _OURS and options.get(option) not in (None, []):
            raise UsageError(f"{name} cannot be called with {_INSTEAD.get(option, option)}.")
    request = _request(name.removeprefix("clerk."), list(args or ()), dict(kwargs or {}), _priority(priority))
    return enqueue(request, delay=_delay(countdown, eta)).job_ids[0]


def _request(job_type: str, args: list[Any], kwargs: dict[str, Any], priority: Priority) -> JobRequest:
    """Give each argument its name, as Python would; the first is the site."""
    names = list(signature(registry().get(job_type).job_type.function).parameters)
    site = args.pop(0) if args else kwargs.pop("subdomain", None)
    if site is None:
        raise UsageError(f"clerk.{job_type} needs a site as its first argument.")
    if len(args) > len(names):
        raise UsageError(f"clerk.{job_type} takes {len(names) + 1} arguments at most, the site among them.")
    given = dict(zip(names, args, strict=False))
    if twice := given.keys() & kwargs.keys():
        raise UsageError(f"clerk.{job_type} got {', '.join(sorted(twice))} twice.")
    return JobRequest(job_type, site, given | kwargs, priority=priority)


def _priority(asked: int | str | None) -> Priority:
    if asked is None:
        return Priority.NORMAL
    if isinstance(asked, str):
        return parse_priority(asked)
    try:
        return Priority(asked)
    except ValueError:
        raise UsageError(f"Unknown priority {asked!r}; use 0 (high), 1 (normal) or 2 (low).") from None


def _delay(countdown: float | None, eta: datetime | None) -> float:
    delay = float(countdown or 0.0)
    if eta is not None:
        aware = eta if eta.tzinfo else eta.replace(tzinfo=UTC)
        delay = (aware - datetime.now(UTC)).total_seconds()
    if not delay <= LONGEST_COUNTDOWN:
        raise UsageError("a job can be due in at most 400 days.")
    return max(delay, 0.0)
