"""What takes too long for a scrape: the verdict of `health`, and how the sites do. A thread looks now and then."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock, Thread

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import select

from clerk.database.clock import database_time, parse_moment
from clerk.database.states import RunState
from clerk.database.tables import sites_table as sites
from clerk.database.transactions import reading
from clerk.errors import ClerkError
from clerk_tasks.ledger.site_status import site_status
from clerk_tasks.operations.health import check_health
from clerk_tasks.operations.level import Level

#: How old the verdict may be when a scrape asks for it, in seconds; an older one is replaced for the next scrape.
FRESH = 15.0
#: A site whose last run that completed ended longer ago than this is late, in seconds.
LATE = 7 * 86400.0
FRESHNESS = ("fresh", "late", "failing")


@dataclass(frozen=True, slots=True)
class Survey:
    """What a look found, and when by our monotonic clock."""

    at: float
    level: Level
    freshness: Counter[str]
    published_age: float | None  # seconds, of the site whose publication is the oldest


class HealthWatch:
    """The last look, and the thread that takes the next one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._looking: Thread | None = None
        self._seen: Survey | None = None

    def families(self) -> Iterator[Metric]:
        """Yield what the last look found, nothing before the first; begin another if that is old."""
        self._refresh()
        if (seen := self._seen) is None:
            return
        level = GaugeMetricFamily("clerk_health_level", "What `health` says: 0 well, 1 attention, 2 down.")
        level.add_metric([], int(seen.level))
        by_freshness = GaugeMetricFamily("clerk_sites", "Sites by how their updates do.", labels=["freshness"])
        for freshness in FRESHNESS:
            by_freshness.add_metric([freshness], seen.freshness[freshness])
        age = GaugeMetricFamily("clerk_published_age_seconds", "Age of the oldest publication of any site.")
        if seen.published_age is not None:
            age.add_metric([], seen.published_age)
        yield from (level, by_freshness, age)

    def look(self) -> None:
        """Look now, and wait for it."""
        try:
            level = max(finding.level for finding in check_health())
            freshness, published_age = _sites()
        except ClerkError:
            level, freshness, published_age = Level.DOWN, Counter(), None
        self._seen = Survey(time.monotonic(), level, freshness, published_age)

    def _refresh(self) -> None:
        with self._lock:
            old = self._seen is None or time.monotonic() - self._seen.at > FRESH
            if old and (self._looking is None or not self._looking.is_alive()):
                self._looking = Thread(target=self.look, name="clerk-health-watch", daemon=True)
                self._looking.start()


def _sites() -> tuple[Counter[str], float | None]:
    """Count the sites by freshness; return also the age of the oldest publication, None without one."""
    freshness: Counter[str] = Counter()
    with reading() as connection:
        for site in site_status(connection):
            if site["last_run_state"] == RunState.FAILED:
                freshness["failing"] += 1
            else:
                freshness["late" if site["age"] is None or site["age"] > LATE else "fresh"] += 1
        current = database_time(connection)
        written = connection.execute(select(sites.c.last_deployed).where(sites.c.last_deployed.is_not(None))).scalars()
        moments = [moment for moment in map(parse_moment, written) if moment is not None]
    return freshness, (current - min(moments)).total_seconds() if moments else None
