"""The workers that are alive, with what they are and do."""

from __future__ import annotations

from typing import Any

from clerk import __version__
from clerk.acts import named, operator, record_act
from clerk.database.clock import database_time
from clerk.database.transactions import reading, transaction
from clerk.errors import ConflictError, NotFoundError, UsageError
from clerk_tasks.job_types.registry import registry
from clerk_tasks.ledger import leases, pool_sizes
from clerk_tasks.operations.queue_coverage import live_workers
from clerk_tasks.worker.children import MOST_CHILDREN


def list_workers() -> list[dict[str, Any]]:
    """Return the live workers, by host and start.

    Each has `worker` (host and process), `pools`, `queues`, `version`, `concurrency`, `running` (jobs), `up` and
    `silent` (seconds since its start and since its last heartbeat), `draining`, `scaled_to` (how many jobs at a time an
    operator wants of it, or None), `skew` (how it differs from this program, or None) and `instance`.
    """
    with reading() as connection:
        current = database_time(connection)
        rows = live_workers(connection)
        running = leases.running_by_instance(connection)
        sizes = pool_sizes.sizes_set(connection)
    pools = {row.instance: _pools(row.queues) for row in rows}
    return [
        {
            "worker": f"{row.hostname}/{row.pid}",
            "pools": pools[row.instance],
            "queues": row.queues,
            "version": row.version,
            "concurrency": row.concurrency,
            "running": running.get(row.instance, 0),
            "up": round((current - row.started_at).total_seconds()),
            "silent": round(max((current - row.seen_at).total_seconds(), 0.0), 1),
            "draining": row.drain_requested_at is not None,
            "scaled_to": max((sizes[pool] for pool in pools[row.instance] if pool in sizes), default=None),
            "skew": _skew(row),
            "instance": row.instance,
        }
        for row in sorted(rows, key=lambda row: (row.hostname, row.started_at))
    ]


def _pools(queues: list[str]) -> list[str]:
    """Return the pools that a worker of these queues serves."""
    return [pool.name for pool in registry().pools.values() if set(pool.queues) <= set(queues)]


def scale(pool: str, size: int | None, *, reason: str | None = None) -> list[dict[str, Any]]:
    """Make each worker of a pool run `size` jobs at a time, from now on; None: as many as it was started with.

    Returns the live workers of the pool. Raises UsageError for a size that no worker can have, NotFoundError for an
    unknown pool, ConflictError if there is nothing to reset.
    """
    registry().pool(pool)
    if size is not None and not 1 <= size <= MOST_CHILDREN:
        raise UsageError(f"A worker runs 1 to {MOST_CHILDREN} jobs at a time; `clerk-tasks pause queue` stops a queue.")
    with transaction() as connection:
        if size is not None:
            pool_sizes.set_size(connection, pool, size, by=operator())
        elif not pool_sizes.reset_size(connection, pool):
            raise ConflictError(f"Pool {pool} is not scaled.")
        what = f"pool {pool} to " + ("its own size" if size is None else f"{size} jobs at a time")
        record_act(connection, "scale", what, reason=reason)
    return [worker for worker in list_workers() if pool in worker["pools"]]


def drain(name: str | None, *, timeout: float | None = None, reason: str | None = None) -> list[dict[str, Any]]:
    """Ask a worker, or all if None, to finish what runs, in `timeout` seconds at most, and end; return those asked.

    `name` is the worker as `list_workers` has it, its host, or a pool. Raises NotFoundError if no live worker has it,
    ConflictError if all of these were asked before.
    """
    known = list_workers()
    chosen = [worker for worker in known if name is None or name in _names(worker)]
    if not chosen:
        names = ", ".join(worker["worker"] for worker in known) or "none is running"
        raise NotFoundError(f"No worker {name!r}. Known: {names}." if name else "No worker is running.")
    with transaction() as connection:
        asked = leases.request_drain(connection, [worker["instance"] for worker in chosen], timeout=timeout)
        if asked:
            drained = [worker["worker"] for worker in chosen if worker["instance"] in asked]
            record_act(connection, "drain", named("worker", drained), number=len(asked), reason=reason)
    if not asked:
        raise ConflictError(f"{', '.join(worker['worker'] for worker in chosen)} drains already.")
    return [worker | {"draining": True} for worker in chosen if worker["instance"] in asked]


def _names(worker: dict[str, Any]) -> set[str]:
    return {worker["worker"], worker["worker"].rpartition("/")[0], worker["instance"], *worker["pools"]}


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
