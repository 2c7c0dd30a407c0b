"""Pause a site whose runs fail day after day: the next would fail too, and its server would be asked for nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, select

from clerk import pauses
from clerk.acts import record_act
from clerk.database.clock import CLOCK_MARGIN, now
from clerk.database.states import RunState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import runs_table as runs
from clerk.settings import settings

logger = logging.getLogger(__name__)

#: Who pauses a site here, as `pauses` and `acts` show it.
BREAKER = "clerk-tasks"
#: How many of a site's newest runs are looked at.
_RUNS = 500


def trip(connection: Connection, sites: Iterable[tuple[str, str]]) -> list[str]:
    """Pause those of the sites, each with a pipeline, whose last runs of it failed; return them.

    It takes failed runs on CLERK_PAUSE_AFTER_FAILURES different days (UTC), no other run in between, all after the last
    pause of the site has ended; 0 pauses none.
    """
    most = settings().pause_after_failures
    tripped = []
    for subdomain, pipeline in sorted(set(sites)) if most else ():
        failed = _failed(connection, subdomain, pipeline, after=pauses.last_end(connection, "site", subdomain))
        if len({created_at.date() for _, created_at in failed}) < most:
            continue
        if pauses.find_pause(connection, "site", subdomain) is None:
            why = _why(connection, failed[0][0])
            reason = f"its last {len(failed)} runs ({pipeline}) failed, on {most} days or more: {why}"
            made = pauses.pause(connection, "site", subdomain, reason=reason, by=BREAKER, seconds=None)
            record_act(connection, "pause", made.what, reason=reason, by=BREAKER)
            logger.warning("%s; `clerk-tasks resume site %s` once the cause is fixed", made, subdomain)
        tripped.append(subdomain)
    return tripped


def _failed(
    connection: Connection, subdomain: str, pipeline: str, *, after: datetime | None
) -> list[tuple[str, datetime]]:
    """Return the newest runs of a pipeline up to the first that did not fail: id and birth; those under way aside."""
    query = select(runs.c.id, runs.c.created_at, runs.c.state).where(
        runs.c.subdomain == subdomain,
        runs.c.pipeline == pipeline,
        runs.c.state != RunState.RUNNING,
        runs.c.created_at <= now(CLOCK_MARGIN),
    )
    if after is not None:
        query = query.where(runs.c.created_at > after)
    failed = []
    for row in connection.execute(query.order_by(runs.c.created_at.desc()).limit(_RUNS)):
        if row.state != RunState.FAILED:
            break
        failed.append((row.id, row.created_at))
    return failed


def _why(connection: Connection, run_id: str) -> str:
    """Return the error of a dead letter of a run."""
    errors = select(jobs.c.error).where(jobs.c.run_id == run_id, jobs.c.error.is_not(None)).order_by(jobs.c.id)
    return str(connection.execute(errors.limit(1)).scalar() or "no reason is recorded")[:300]
