"""One scrape: fold what has ended, then read totals and gauges in a transaction that sees one moment."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from threading import Lock

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Connection

from clerk.application import part
from clerk.database.transactions import reading
from clerk.errors import DatabaseUnavailable
from clerk_tasks.ledger import totals
from clerk_tasks.metrics.contributed import ContributedMetrics
from clerk_tasks.metrics.counters import counters
from clerk_tasks.metrics.gauges import gauges
from clerk_tasks.metrics.watch import HealthWatch
from clerk_tasks.schedules.declared import gather
from clerk_tasks.schedules.maintenance import fold_totals

#: The text format of Prometheus. OpenMetrics takes `clerk_jobs` and `clerk_jobs_total` for one name.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: How often a scrape folds, at most, in seconds; in between, it adds up what is not folded.
FOLD_INTERVAL = 10.0
#: How long PostgreSQL may take for one statement of a scrape, in milliseconds.
STATEMENT_TIMEOUT = 10_000


class _Ledger(Collector):
    """The ledger as Prometheus reads it. One scrape at a time: a second one waits."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._folded_at = -FOLD_INTERVAL
        self._schedules = gather()
        self.watch = HealthWatch()
        self._contributed = ContributedMetrics()

    def describe(self) -> Iterator[Metric]:
        """Yield nothing: to register a collector must not ask the database."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """Yield every family; raises DatabaseUnavailable."""
        with self._lock:
            found = self._scrape()
        yield from found

    def _scrape(self) -> list[Metric]:
        began = time.perf_counter()
        self._fold()
        found: list[Metric] = []
        with reading() as connection:
            _see_one_moment(connection)
            found += gauges(connection, self._schedules)
            found += counters(totals.read(connection))
        found += self.watch.families()
        found += self._contributed.families()
        took = GaugeMetricFamily("clerk_ledger_scrape_seconds", "How long this scrape took.")
        took.add_metric([], time.perf_counter() - began)
        return [*found, took]

    def _fold(self) -> None:
        if time.monotonic() - self._folded_at < FOLD_INTERVAL:
            return
        with suppress(DatabaseUnavailable):  # locked, or a standby: what is not folded is added up
            fold_totals()
        self._folded_at = time.monotonic()


def _see_one_moment(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT}")


@part
def ledger() -> _Ledger:
    """Return this process's collector."""
    return _Ledger()


def prepare() -> None:
    """Fold what has ended so far and take the first look, so that the first scrape is complete and quick."""
    with suppress(DatabaseUnavailable):  # as in a scrape
        fold_totals()
    ledger().watch.look()


def exposition() -> bytes:
    """Return all metrics in the text format of CONTENT_TYPE, for whatever serves `/metrics`.

    Raises DatabaseUnavailable: answer with 503, so that Prometheus sees that nothing is known.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ledger())
    return generate_latest(registry)
