"""What happened since a moment that operators and other programs want to hear of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from clerk.database.clock import parse_moment
from clerk.database.literals import is_in
from clerk.database.states import UNCOMPLETED, RunState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import runs_table as runs
from clerk.database.tables import sites_table as sites
from clerk.redaction import storable

#: A run that began longer before is not looked for: the index of runs has their births.
_LONGEST_RUN = timedelta(days=30)
#: How many unfinished runs of a night are named.
_NAMED = 20


class Notice(NamedTuple):
    """One event; `key` is the same whenever the same event is found."""

    key: str
    event: str
    subdomain: str | None
    data: dict[str, Any]


def failed_runs(connection: Connection, since: datetime) -> Iterator[Notice]:
    """Return the runs that failed since then, each with the error of a dead letter."""
    query = select(runs).where(
        is_in(runs.c.state, RunState.FAILED, UNCOMPLETED),
        runs.c.created_at >= since - _LONGEST_RUN,
        runs.c.finished_at >= since,
    )
    for run in connection.execute(query.order_by(runs.c.finished_at)).all():
        errors = select(jobs.c.id, jobs.c.job_type, jobs.c.error).where(
            jobs.c.run_id == run.id, jobs.c.error.is_not(None)
        )
        error = connection.execute(errors.order_by(jobs.c.id).limit(1)).first()
        yield Notice(
            f"run.failed:{run.id}:{run.finished_at.isoformat()}",
            "run.failed",
            run.subdomain,
            {
                "run": run.id,
                "subdomain": run.subdomain,
                "pipeline": run.pipeline,
                "began_at": run.created_at.isoformat(),
                "failed_at": run.finished_at.isoformat(),
                "job": error and error.id,
                "job_type": error and error.job_type,
                "error": error and storable(error.error)[:1000],
            },
        )


def published_sites(connection: Connection, since: datetime) -> Iterator[Notice]:
    """Return the sites whose databases were published since then."""
    columns = ("subdomain", "name", "state", "country", "kind", "pages", "last_updated", "lat", "lng")
    query = select(
        *(sites.c[name] for name in columns),
        *(sites.c.last_deployed, sites.c.finance_last_updated, sites.c.finance_record_count),
    )
    for site in connection.execute(query):
        finance = site.finance_last_updated if site.finance_record_count else None
        for database, moment in (("meetings", parse_moment(site.last_deployed)), ("election_finance", finance)):
            if moment is not None and moment >= since:
                updated = parse_moment(site.last_updated)
                data = {name: getattr(site, name) for name in columns} | {
                    "last_updated": updated and updated.isoformat(),
                    "database": database,
                    "published_at": moment.isoformat(),
                }
                key = f"site.published:{database}:{site.subdomain}:{moment.isoformat()}"
                yield Notice(key, "site.published", site.subdomain, data)


def unfinished_night(connection: Connection, ends: datetime, *, grace: timedelta) -> Notice | None:
    """Return the runs that began more than `grace` before a night's end and have not ended; None if all have."""
    unfinished = (
        is_in(runs.c.state, RunState.RUNNING, UNCOMPLETED),
        runs.c.created_at < ends - grace,
        runs.c.created_at >= ends - _LONGEST_RUN,
    )
    number = connection.execute(select(func.count()).where(*unfinished)).scalar_one()
    if not number:
        return None
    oldest = select(runs.c.id, runs.c.subdomain, runs.c.pipeline, runs.c.created_at).where(*unfinished)
    rows = connection.execute(oldest.order_by(runs.c.created_at).limit(_NAMED))
    listed = [row._asdict() | {"created_at": row.created_at.isoformat()} for row in rows]
    data = {"ends_at": ends.isoformat(), "unfinished": number, "runs": listed}
    return Notice(f"night.unfinished:{ends.isoformat()}", "night.unfinished", None, data)
