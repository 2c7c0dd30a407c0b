"""The workers that are alive, with what they are and do."""

from __future__ import annotations

from typing import Any

from clerk import __version__
from clerk.database.clock import database_time
from clerk.database.transactions import reading
from clerk_tasks.job_types.registry import registry
from clerk_tasks.ledger import leases
from clerk_tasks.operations.queue_coverage import live_workers


def list_workers() -> list[dict[str, Any]]:
    """Return the live workers, by host and start.

    Each has `worker` (host and process), `pools`, `queues`, `version`, `concurrency`, `running` (jobs), `up` and
    `silent` (seconds since its start and since its last heartbeat), `skew` (how it differs from this program, or None)
    and `instance`.
    """
    with reading() as connection:
        current = database_time(connection)
        rows = live_workers(connection)
        running = leases.running_by_instance(connection)
    return [
        {
            "worker": f"{row.hostname}/{row.pid}",
            "pools": [pool.name for pool in registry().pools.values() if set(pool.queues) <= set(row.queues)],
            "queues": row.queues,
            "version": row.version,
            "concurrency": row.concurrency,
            "running": running.get(row.instance, 0),
            "up": round((current - row.started_at).total_seconds()),
            "silent": round(max((current - row.seen_at).total_seconds(), 0.0), 1),
            "skew": _skew(row),
            "instance": row.instance,
        }
        for row in sorted(rows, key=lambda row: (row.hostname, row.started_at))
    ]


def _skew(row: Any) -> str | None:
    """Return how a worker differs from this program: its version, or the job types that it knows of its queues."""
    here = {name for name, known in registry().job_types.items() if known.job_type.queue in row.queues}
    there = {name for name in row.job_types if name not in registry().job_types or name in here}
    said = [] if row.version == __version__ else [f"version {row.version}, here {__version__}"]
    if lacking := sorted(here - there):
        said.append(f"does not know {', '.join(lacking)}")
    if only_there := sorted(there - here):
        said.append(f"knows {', '.join(only_there)}, unknown here")
    return "; ".join(said) or None
