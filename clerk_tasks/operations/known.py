"""Check the filters of a command: an unknown site, job type or run is an error, not an empty answer."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from sqlalchemy import Connection, exists, select

from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import runs_table as runs
from clerk.errors import UsageError, missing
from clerk.paths import validate_subdomain
from clerk.sites.rows import get_site_by_subdomain
from clerk_tasks.job_types.registry import registry
from clerk_tasks.ledger.queries import require_run

State = TypeVar("State", bound=StrEnum)


def check_filters(
    connection: Connection, *, subdomain: str | None = None, job_type: str | None = None, run_id: str | None = None
) -> None:
    """Raise UsageError for a malformed subdomain, NotFoundError for what does not exist and has left no jobs."""
    if subdomain is not None:
        check_site(connection, subdomain)
    if job_type is not None and not _has_jobs(connection, job_type):
        registry().get(job_type)
    if run_id is not None:
        require_run(connection, run_id)


def check_site(connection: Connection, subdomain: str) -> None:
    """Raise UsageError for a malformed subdomain, NotFoundError for a site that does not exist and never had a run."""
    ran = select(exists().where(runs.c.subdomain == validate_subdomain(subdomain)))
    if get_site_by_subdomain(connection, subdomain) is None and not connection.execute(ran).scalar():
        raise missing("site", subdomain)


def _has_jobs(connection: Connection, job_type: str) -> bool:
    """Return whether a job type is known here, or was somewhere: its plugin may be on another machine, or gone."""
    if job_type in registry().job_types:
        return True
    return bool(connection.execute(select(exists().where(jobs.c.job_type == job_type))).scalar())


def parse_state(kind: type[State], text: str | None) -> State | None:
    """Return the state that a word names, None for none; UsageError lists the words."""
    try:
        return None if text is None else kind(text)
    except ValueError:
        raise UsageError(f"Unknown state {text!r}; use one of {', '.join(kind)}.") from None
