"""Gathers the worker pools from the plugins: which queues there are, and who works on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from clerk.errors import ConflictError, UsageError
from clerk.plugin.calls import misfit
from clerk.plugin.containment import BROKEN
from clerk.plugin.registered import Plugin, PluginSet
from clerk_tasks.job_types.validation import check_name, check_queue

MOST_AT_A_TIME = 1000


@dataclass(frozen=True, slots=True)
class WorkerPool:
    """A worker pool: `worker NAME` starts it; `function`, if any, is called once as each worker child starts."""

    name: str
    queues: tuple[str, ...]
    function: Callable[[], Any] | None
    concurrency: int | None  # None: as the command line says
    plugin: str


def gather_pools(found: PluginSet) -> dict[str, WorkerPool]:
    """Return the pools by name; what clashes with an earlier plugin's pool is quarantined, and the earlier one kept."""
    pools: dict[str, WorkerPool] = {}
    for plugin, answer in reversed(found.call("register_worker_functions")):
        if not isinstance(answer, Mapping):
            error = f"it must return a dict of pool -> settings, not {type(answer).__name__}"
            found.quarantine(plugin.name, plugin.where, phase="hook register_worker_functions", error=error)
            continue
        for name, settings in answer.items():
            try:
                _add(pools, _pool(plugin, name, settings))
            except BROKEN as error:
                found.quarantine(plugin.name, plugin.where, phase=f"pool {name}", error=error)
    return pools


def _add(pools: dict[str, WorkerPool], pool: WorkerPool) -> None:
    for other in pools.values():
        shared = [queue for queue in pool.queues if queue in other.queues]
        same_settings = (pool.function, pool.concurrency) == (other.function, other.concurrency)
        if (shared or pool.name == other.name) and not same_settings:
            what = f"queue {shared[0]}" if shared else f"pool {pool.name}"
            raise ConflictError(
                f"{what} is claimed with different settings by plugin {other.plugin} (pool {other.name}) "
                f"and by plugin {pool.plugin} (pool {pool.name}): give them the same, or use another name"
            )
    known = pools.get(pool.name)
    queues = (*known.queues, *pool.queues) if known else pool.queues
    pools[pool.name] = replace(known or pool, queues=tuple(dict.fromkeys(queues)))


def _pool(plugin: Plugin, name: str, settings: object) -> WorkerPool:
    check_name(name)
    if not isinstance(settings, Mapping):
        raise UsageError('write it as {"queues": [...], "function": optional, "concurrency": optional}')
    unknown = set(settings) - {"queues", "function", "concurrency"}
    if unknown:
        raise UsageError(f"unknown {', '.join(sorted(map(repr, unknown)))}; known are queues, function, concurrency")
    function, concurrency = settings.get("function"), settings.get("concurrency")
    if function is not None and (odd := misfit(function)):
        raise UsageError(f"function must be a function without arguments, called as a worker starts, {odd}")
    if not (concurrency is None or (type(concurrency) is int and 0 < concurrency <= MOST_AT_A_TIME)):
        raise UsageError(f"concurrency: {concurrency!r} must be a whole number from 1 to {MOST_AT_A_TIME}")
    return WorkerPool(name, _queues(settings.get("queues")), function, concurrency, plugin.name)


def _queues(value: object) -> tuple[str, ...]:
    queues = tuple(value) if isinstance(value, list | tuple | set | frozenset) else ()
    if not queues:
        raise UsageError(f"queues: {value!r} must be a list of the names of queues")
    for queue in queues:
        check_queue(queue)
    return queues
