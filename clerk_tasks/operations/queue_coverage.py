"""Which worker serves which queue, and what to do about a queue without one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from clerk_tasks.job_types.registry import registry
from clerk_tasks.ledger import leases

#: A beat, or a worker, that has not been heard of for so long is not there. Seconds.
SILENCE = 90.0


def workers_by_queue(connection: Connection) -> dict[str, list[Any]]:
    """Return the live workers of every queue that has some."""
    found: dict[str, list[Any]] = {}
    for worker in leases.live_workers(connection, within=SILENCE):
        for queue in worker.queues:
            found.setdefault(queue, []).append(worker)
    return found


def how_to_serve(queue: str) -> str:
    """Return what to do about a queue that no worker serves."""
    pool = registry().pool_of_queue(queue)
    return f"start `clerk-tasks worker {pool.name}`" if pool else "install the plugin that has a worker pool for it"
