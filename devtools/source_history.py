"""The history of a site's source: fetches that ended days ago, as the ledger keeps them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from clerk.database.clock import database_time, format_moment, now
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import runs_table as runs
from clerk.database.tables import sites_table as sites
from clerk.database.tables import stages_table as stages
from clerk.run_ids import generate_run_id
from clerk_tasks.ledger.insert import NewJob, NewStage
from clerk_tasks.ledger.runs import record_run


def fetched(connection: Connection, subdomain: str, days_ago: float, **results: dict[str, Any]) -> None:
    """Record a run whose jobs completed so long ago; `results` are {job type, with _ for -: result}."""
    new_jobs = [NewJob(job_type=name.replace("_", "-"), subdomain=subdomain) for name in results]
    run_id, moment = generate_run_id(subdomain), now(-86400 * days_ago)
    stage = NewStage(name="fetch", jobs=new_jobs)
    record_run(connection, run_id, subdomain=subdomain, pipeline="meetings", new_stages=[stage])
    for new, result in zip(new_jobs, results.values(), strict=True):
        done = {"state": "completed", "attempt": 1, "started_at": moment, "finished_at": moment, "result": result}
        connection.execute(sa.update(jobs).where(jobs.c.id == new.id).values(done))
    closed = {"state": "closed", "remaining": 0, "closed_at": moment}
    connection.execute(sa.update(stages).where(stages.c.run_id == run_id).values(closed))
    completed = {"state": "completed", "finished_at": moment}
    connection.execute(sa.update(runs).where(runs.c.id == run_id).values(completed))


def had_news(connection: Connection, subdomain: str, days_ago: Iterable[float]) -> None:
    """Record a fetch with new documents on each of these days, and one today without."""
    for day in days_ago:
        fetched(connection, subdomain, day, fetch_site={"fetched": 2, "revised": 0})
    fetched(connection, subdomain, 0, fetch_site={"fetched": 0, "revised": 0})
    looked_at = {"last_updated": format_moment(database_time(connection)), "scraper": "legistar"}
    connection.execute(sa.update(sites).where(sites.c.subdomain == subdomain).values(looked_at))
