"""The registry: every job type and every worker pool by name, as the plugins declare them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import TypeVar

from clerk.errors import ConflictError, NotFoundError
from clerk.plugin.loader import asked_once, quarantined
from clerk.plugin.registered import PluginSet
from clerk_tasks.job_types.pools import WorkerPool, gather_pools
from clerk_tasks.job_types.validation import RegisteredJobType, gather_job_types

__all__ = ["RegisteredJobType", "Registry", "WorkerPool", "registry"]

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Registry:
    """What can be enqueued, and who works on it."""

    job_types: Mapping[str, RegisteredJobType]
    pools: Mapping[str, WorkerPool]
    disputed: Mapping[str, str]  # job types that several plugins claim -> what is wrong

    def get(self, name: str) -> RegisteredJobType:
        """Return a job type; ConflictError if several plugins claim it, NotFoundError lists the known ones."""
        if name in self.disputed:
            raise ConflictError(self.disputed[name])
        try:
            return _find("job type", name, self.job_types)
        except NotFoundError as error:
            raise NotFoundError(f"{error}{_set_aside(name)}") from None

    def pool(self, name: str) -> WorkerPool:
        """Return a pool; NotFoundError lists the known ones."""
        return _find("pool", name, self.pools)

    def pool_of_queue(self, queue: str) -> WorkerPool | None:
        """Return the pool that serves a queue, or None."""
        return self._pool_of_queue.get(queue)

    @cached_property
    def _pool_of_queue(self) -> dict[str, WorkerPool]:
        return {queue: pool for pool in reversed(list(self.pools.values())) for queue in pool.queues}

    def unserved_queues(self) -> dict[str, list[str]]:
        """Return the queues that some job types go to and no pool works on, with those job types."""
        unserved: dict[str, list[str]] = {}
        for registered in self.job_types.values():
            if self.pool_of_queue(registered.job_type.queue) is None:
                unserved.setdefault(registered.job_type.queue, []).append(registered.name)
        return unserved

    @cached_property
    def queues(self) -> frozenset[str]:
        """The queues that some pool works on."""
        return frozenset(queue for pool in self.pools.values() for queue in pool.queues)


@asked_once
def registry(found: PluginSet) -> Registry:
    """Return the registry of this process's plugins; what is wrong with them is in `plugins().quarantined`."""
    job_types, disputed = gather_job_types(found)
    built = Registry(job_types, gather_pools(found), disputed)
    by_name = {plugin.name: plugin for plugin in found.plugins}
    for queue, names in built.unserved_queues().items():
        plugin = by_name[job_types[names[0]].plugin]
        error = f"no worker pool has queue {queue} (job type {names[0]}): name it in register_worker_functions"
        found.quarantine(plugin.name, plugin.where, phase=f"queue {queue}", error=error)
    return built


def _find(kind: str, name: str, known: Mapping[str, Entry]) -> Entry:
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1)
    advice = f" Did you mean {near[0]}?" if near else ""
    raise NotFoundError(f"Unknown {kind} {name!r}. Known: {', '.join(sorted(known))}.{advice}")


def _set_aside(job_type: str) -> str:
    """Say which quarantined plugin would bring a job type, or which ones may."""
    for entry in quarantined():
        if entry.phase == f"job type {job_type}":
            return f" Plugin {entry.name} would bring it, but it is quarantined: {entry.problem}."
    phases = ("import", "constructor", "register", "hook register_job_types")
    names = dict.fromkeys(entry.name for entry in quarantined() if entry.phase in phases)
    if not names:
        return ""
    return f" A quarantined plugin may bring it (see `clerk-tasks plugins check`): {', '.join(names)}."
