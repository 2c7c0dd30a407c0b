"""Find what a shell offers for the beginning of a word: names and ids, each with a few words about it."""

from __future__ import annotations

import re
from uuid import UUID

from sqlalchemy import func, select

from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import runs_table as runs
from clerk.database.tables import sites_table as sites
from clerk.database.transactions import reading
from clerk_tasks.job_types.fields import summary
from clerk_tasks.job_types.registry import registry
from clerk_tasks.pipeline import stages

#: The most that is offered at once.
MOST_OFFERED = 100
_LOWEST, _HIGHEST = str(UUID(int=0)), str(UUID(int=2**128 - 1))
_BEGINNING = re.compile(r"[0-9a-f-]{0,36}")

Offers = list[tuple[str, str]]


def sites_beginning(text: str) -> Offers:
    """Return the sites whose key begins with a text, with their names."""
    key = sites.c.subdomain
    query = select(key, sites.c.name).where(key.startswith(text, autoescape=True)).order_by(key).limit(MOST_OFFERED)
    with reading() as connection:
        return [(row[0], row[1] or "") for row in connection.execute(query)]


def jobs_beginning(text: str) -> Offers:
    """Return the newest jobs whose id begins with a text, with what they are."""
    if not _BEGINNING.fullmatch(text):
        return []
    bounds = (text + _LOWEST[len(text) :], text + _HIGHEST[len(text) :])
    columns = (jobs.c.id, jobs.c.job_type, jobs.c.subdomain, jobs.c.state)
    query = select(*columns).where(jobs.c.id.between(*bounds)).order_by(jobs.c.id.desc()).limit(MOST_OFFERED)
    with reading() as connection:
        return [(row[0], " ".join(row[1:])) for row in connection.execute(query)]


def runs_beginning(text: str) -> Offers:
    """Return runs whose id begins with a text, newest first, with their states."""
    fits = func.substr(runs.c.id, 1, len(text)) == text
    query = select(runs.c.id, runs.c.state).order_by(runs.c.created_at.desc()).limit(MOST_OFFERED)
    with reading() as connection:
        return [(row[0], row[1]) for row in connection.execute(query.where(fits) if text else query)]


def queues_beginning(text: str) -> Offers:
    """Return the queues of the worker pools that begin with a text, with their pools."""
    known = registry()
    pools = {queue: pool.name for pool in known.pools.values() for queue in pool.queues}
    return [(queue, f"pool {pool}") for queue, pool in sorted(pools.items()) if queue.startswith(text)]


def stages_beginning(text: str) -> Offers:
    """Return the stages of the meetings pipeline that begin with a text, in order, with their job types."""
    return [(stage.name, stage.job_type) for stage in stages() if stage.name.startswith(text)]


def job_types_beginning(text: str) -> Offers:
    """Return the job types that begin with a text, with the first words of their functions."""
    known = registry().job_types
    names = sorted(name for name in known if name.startswith(text))
    return [(name, summary(known[name].job_type.function)) for name in names]
