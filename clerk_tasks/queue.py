"""What `clerk.queue` offers, supplied by the task system: the port `queue`."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import unquote

from clerk.database.transactions import reading
from clerk.errors import UsageError
from clerk_tasks.broker.table import broker_url
from clerk_tasks.dispatcher import enqueue_job, enqueue_many
from clerk_tasks.job_types.registry import registry
from clerk_tasks.ledger import queries
from clerk_tasks.operations.listing import job_states
from clerk_tasks.waiting import succeeded, wait_for

__all__ = [
    "enqueue_job",
    "enqueue_many",
    "job_functions",
    "job_states",
    "jobs_of_failed_runs",
    "queue_names",
    "redis_client",
    "succeeded",
    "wait_for",
]


def job_functions() -> dict[str, Callable[..., Any]]:
    """Return every job type's function by the job type's name."""
    return {name: registered.job_type.function for name, registered in registry().job_types.items()}


def redis_client() -> Any:
    """Return a client of the broker; UsageError if it is not Redis or Valkey."""
    url = broker_url()
    if not url.startswith("redis"):
        raise UsageError("get_redis() needs Redis or Valkey as the broker, and BROKER_URL names another.")
    address = re.sub(r"^redis\+socket://(.*)\?.*", lambda found: f"unix://{unquote(found[1])}", url)
    return importlib.import_module("redis").Redis.from_url(address)  # on demand: enqueueing goes through kombu


def queue_names() -> list[str]:
    """Return the queues that some worker pool serves, sorted."""
    return sorted(registry().queues)


def jobs_of_failed_runs(job_ids: Collection[str]) -> set[str]:
    """Return those of the jobs whose run has not completed."""
    with reading() as connection:
        return queries.jobs_of_failed_runs(connection, job_ids)
