"""Which workers are alive, which queues they serve, and what to do about a queue without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from clerk.database.clock import database_time
from clerk.errors import BrokerUnavailable
from clerk.settings import settings
from clerk_tasks.broker.publisher import publisher
from clerk_tasks.celery import app
from clerk_tasks.job_types.registry import registry
from clerk_tasks.ledger import leases

#: How many renewals a worker may miss before it counts as gone; the leases of its jobs have ended by then.
MISSED_RENEWALS = 3
#: How long workers have to say which queues they consume, in seconds.
PATIENCE = 1.0


def silence() -> float:
    """Return how long a worker may be silent and still counts as alive, in seconds."""
    return max(2.0, MISSED_RENEWALS * settings().renewal)


def live_workers(connection: Connection) -> list[Any]:
    """Return the rows of the workers whose last heartbeat is a few renewals old, and not in the future."""
    latest = database_time(connection) + timedelta(seconds=silence())
    return [worker for worker in leases.live_workers(connection, within=silence()) if worker.seen_at <= latest]


def workers_by_queue(connection: Connection) -> dict[str, list[Any]]:
    """Return the live workers of every queue that has some."""
    found: dict[str, list[Any]] = {}
    for worker in live_workers(connection):
        for queue in worker.queues:
            found.setdefault(queue, []).append(worker)
    return found


def how_to_serve(queue: str) -> str:
    """Return what to do about a queue that no worker serves."""
    pool = registry().pool_of_queue(queue)
    return f"start `clerk-tasks worker {pool.name}`" if pool else "install the plugin that has a worker pool for it"


def unconsumed(workers: Sequence[Any]) -> dict[str, str]:
    """Ask workers, through the broker, which queues they consume; return {queue: worker} where one has stopped.

    A worker that does not answer in time is left out, and so are all of them while the broker cannot be reached.
    """
    if not workers:
        return {}
    broker = publisher().broker
    try:
        publisher().check()
        with broker.connect() as connection:
            asked = app.control.inspect(timeout=PATIENCE, limit=len(workers), connection=connection)
            return not_consumed(workers, asked.active_queues() or {})
    except BrokerUnavailable:
        return {}
    except broker.errors:
        return {}


def not_consumed(workers: Sequence[Any], answers: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, str]:
    """Return {queue: worker} of the queues that workers serve and, by their `answers`, do not consume."""
    found: dict[str, str] = {}
    for worker in workers:
        for node, queues in answers.items():
            if node.endswith(f"-{worker.pid}@{worker.hostname}"):
                gone = set(worker.queues) - {queue["name"] for queue in queues}
                found |= dict.fromkeys(sorted(gone), f"{worker.hostname} process {worker.pid}")
    return found
