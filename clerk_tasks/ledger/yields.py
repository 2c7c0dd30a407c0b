"""What the sources of sites have yielded: when there was something new, how often that is usual, which are silent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from sqlalchemy import Connection, exists, or_, select

from clerk.database.clock import database_time, now, parse_moment
from clerk.database.literals import constant
from clerk.database.states import JobState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import sites_table as sites
from clerk.pauses import paused_now
from clerk_tasks.ledger.json_text import json_text

#: How far back a site's history is read.
HISTORY = timedelta(days=400)
#: How many of a site's last days with something new make its rhythm, and how many that takes at least.
_DAYS, _FEWEST = 30, 5
#: A source is not silent sooner than this, in days.
_SOONEST = 3.0
_COMPLETED = jobs.c.state == constant(JobState.COMPLETED)


@dataclass(frozen=True, slots=True)
class SilentSource:
    """A site whose source yielded nothing new for longer than is usual; what was looked at last is `looked_at`."""

    subdomain: str
    last_new: datetime
    looked_at: datetime
    usual_days: float  # the median from one day with something new to the next
    longest_days: float
    silent_days: float


def silent_sources(connection: Connection) -> list[SilentSource]:
    """Return the sites, paused ones aside, that were looked at for longer than usual without anything new."""
    history = days_with_news(connection, since=database_time(connection) - HISTORY)
    paused = paused_now(connection)
    looked_at = {
        row.subdomain: parse_moment(row.last_updated)
        for row in connection.execute(select(sites.c.subdomain, sites.c.last_updated).where(sites.c.scraper != ""))
    }
    found = []
    for subdomain, days in sorted(history.items()):
        looked = looked_at.get(subdomain)
        if looked is not None and not paused.everything and subdomain not in paused.sites:
            found.append(_judge(subdomain, days[-_DAYS:], looked))
    return [silent for silent in found if silent is not None]


def _judge(subdomain: str, days: Sequence[datetime], looked_at: datetime) -> SilentSource | None:
    """Return the source if it is silent: for twice its usual pause, and a quarter more than its longest."""
    if len(days) < _FEWEST:
        return None
    pauses = [_in_days(later - earlier) for earlier, later in pairwise(days)]
    usual, longest, silence = median(pauses), max(pauses), _in_days(looked_at - days[-1])
    if silence <= max(2 * usual, 1.25 * longest, _SOONEST):
        return None
    return SilentSource(subdomain, days[-1], looked_at, round(usual, 1), round(longest, 1), round(silence, 1))


def _in_days(span: timedelta) -> float:
    return span / timedelta(days=1)


def days_with_news(connection: Connection, *, since: datetime) -> dict[str, list[datetime]]:
    """Return, for each site, when its fetches found something new or revised, the first of each day (UTC), in order.

    Fetchers that report nothing are judged by the documents that were to be read after them.
    """
    born = jobs.c.id >= _first_id(since)
    reports = json_text(jobs.c.result, "fetched")
    fetched = (
        *(jobs.c.job_type == "fetch-site", _COMPLETED, born),
        or_(reports != "0", json_text(jobs.c.result, "revised") != "0"),
    )
    fetch = jobs.alias()
    reported = exists().where(
        fetch.c.run_id == jobs.c.run_id, fetch.c.job_type == "fetch-site", json_text(fetch.c.result, "fetched") != ""
    )
    read = (
        *(jobs.c.job_type == "coordinator", _COMPLETED, born),
        *(json_text(jobs.c.result, "documents") != "0", ~reported),
    )
    first: dict[str, dict[str, datetime]] = defaultdict(dict)
    for conditions in (fetched, read):
        query = select(jobs.c.subdomain, jobs.c.finished_at).where(*conditions, jobs.c.finished_at <= now())
        for subdomain, moment in connection.execute(query):
            if moment is not None and moment >= since:
                day = moment.date().isoformat()
                first[subdomain][day] = min(moment, first[subdomain].get(day, moment))
    return {subdomain: sorted(days.values()) for subdomain, days in first.items()}


def _first_id(moment: datetime) -> str:
    """Return the least UUIDv7 of a moment: its first 48 bits are milliseconds since 1970 (RFC 9562, 5.7)."""
    digits = f"{int(moment.timestamp() * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}-"
