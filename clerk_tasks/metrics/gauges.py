"""The gauges: what waits, runs, is late, paused or alive at this moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import Connection

from clerk import __version__
from clerk.database.states import UNFINISHED
from clerk.jobs import Priority
from clerk.pauses import PAUSABLE, active_pauses, paused_now
from clerk_tasks.job_types.registry import registry
from clerk_tasks.ledger import depths, leases
from clerk_tasks.operations.queue_coverage import live_workers

_PRIORITIES = {priority.value: priority.name.lower() for priority in Priority}


def gauges(connection: Connection, schedules: Mapping[str, object]) -> Iterator[Metric]:
    """Yield the families of the ledger's present state; the queues that the plugins name are never left out."""
    yield from _queues(connection)
    yield from _workers(connection)
    expired = GaugeMetricFamily("clerk_lease_expired", "Running jobs whose lease is over.")
    expired.add_metric([], depths.expired_leases(connection))
    dead = GaugeMetricFamily(
        "clerk_dead_letters", "Jobs that were discarded in the last day and not dismissed.", labels=["queue"]
    )
    dead_by_queue = depths.recent_dead_letters(connection)
    for queue in sorted(registry().queues | dead_by_queue.keys()):
        dead.add_metric([queue], dead_by_queue.get(queue, 0))
    runs = GaugeMetricFamily("clerk_runs", "Runs that have not ended.", labels=["pipeline", "state"])
    for pipeline, number in sorted(depths.running_runs(connection).items()):
        runs.add_metric([pipeline, "running"], number)
    slot = GaugeMetricFamily(
        "clerk_schedule_last_slot_timestamp_seconds", "When the newest slot fell due.", labels=["schedule"]
    )
    for schedule in schedules:
        if (moment := depths.last_slot(connection, schedule)) is not None:
            slot.add_metric([schedule], moment)
    paused = GaugeMetricFamily("clerk_paused", "Pauses that hold something now.", labels=["kind"])
    kinds = Counter(pause.kind for pause in active_pauses(connection))
    for kind in PAUSABLE:
        paused.add_metric([kind], kinds[kind])
    build = GaugeMetricFamily("clerk_build_info", "The program that answers.", labels=["version"])
    build.add_metric([__version__], 1)
    yield from (expired, dead, runs, slot, paused, build)


def _queues(connection: Connection) -> Iterator[Metric]:
    """Yield depth, age and states of the queues; with zeros, so that what empties is seen to be empty."""
    numbers: Counter[tuple[str, str]] = Counter()
    ages: dict[str, float] = dict.fromkeys(registry().queues, 0.0)
    for row in depths.available(connection, paused_now(connection)):
        numbers[row.queue, _PRIORITIES.get(row.priority, str(row.priority))] += row.number
        ages[row.queue] = max(ages.get(row.queue, 0.0), row.age or 0.0)
    unfinished = depths.unfinished(connection)
    oldest = GaugeMetricFamily(
        "clerk_queue_oldest_age_seconds",
        "How long the oldest available job that no pause holds has been due.",
        labels=["queue"],
    )
    depth = GaugeMetricFamily("clerk_queue_depth", "Jobs that are available and due.", labels=["queue", "priority"])
    jobs = GaugeMetricFamily("clerk_jobs", "Jobs that have not ended.", labels=["state", "queue"])
    for queue in sorted(ages.keys() | {queue for _, queue in unfinished}):
        oldest.add_metric([queue], ages.get(queue, 0.0))
        for priority in sorted({*_PRIORITIES.values(), *(each for name, each in numbers if name == queue)}):
            depth.add_metric([queue, priority], numbers[queue, priority])
        for state in UNFINISHED:
            jobs.add_metric([state.value, queue], unfinished.get((state.value, queue), 0))
    yield from (oldest, depth, jobs)


def _workers(connection: Connection) -> Iterator[Metric]:
    """Yield what the live workers serve and run."""
    live = live_workers(connection)
    running = leases.running_by_instance(connection)
    consumers = Counter(queue for worker in live for queue in worker.queues)
    children: Counter[tuple[str, str]] = Counter()
    busy: Counter[tuple[str, str]] = Counter()
    for worker in live:
        served = [pool.name for pool in registry().pools.values() if set(pool.queues) <= set(worker.queues)]
        key = (",".join(served), worker.version)
        children[key] += worker.concurrency
        busy[key] += running.get(worker.instance, 0)
    by_queue = GaugeMetricFamily("clerk_queue_consumers", "Live workers that serve the queue.", labels=["queue"])
    for queue in sorted(registry().queues | consumers.keys()):
        by_queue.add_metric([queue], consumers[queue])
    size = GaugeMetricFamily(
        "clerk_worker_children", "Jobs that the live workers can run at a time.", labels=["pool", "version"]
    )
    load = GaugeMetricFamily("clerk_worker_busy", "Jobs that the live workers run.", labels=["pool", "version"])
    for key in sorted(children):
        size.add_metric(key, children[key])
        load.add_metric(key, busy[key])
    yield from (by_queue, size, load)
