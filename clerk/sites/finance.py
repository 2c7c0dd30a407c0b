"""Which sites have finance data, and which is next; functions without a connection open their own transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from clerk.database.clock import CLOCK_MARGIN, now
from clerk.database.literals import one_of
from clerk.database.states import UNFINISHED
from clerk.database.tables import jobs_table, sites_table
from clerk.database.transactions import reading, serialise, transaction
from clerk.errors import missing
from clerk.paths import is_subdomain
from clerk.plugin.loader import asked_once
from clerk.plugin.registered import PluginSet
from clerk.settings import settings
from clerk.sites.rows import get_site_by_subdomain, not_paused

_site = sites_table.c
_job = jobs_table.c


def update_site_finance_status(subdomain: str, has_finance_data: bool) -> None:
    """Record whether a site has finance data; NotFoundError if there is no such site.

    Saying so again of a site that is known to have them means that they were updated just now.
    """
    has = bool(has_finance_data)  # plugins say 1, which is no boolean to PostgreSQL
    last_updated = sa.case((sa.and_(_site.has_finance_data, sa.literal(has)), now()), else_=_site.finance_last_updated)
    _update(subdomain, {"has_finance_data": has, "finance_last_updated": last_updated})


def update_site_finance_metadata(
    subdomain: str,
    source: str | None = None,
    *,
    coverage_start: date | None = None,
    coverage_end: date | None = None,
    record_count: int | None = None,
    data_types: Sequence[str] | None = None,
    has_finance_data: bool | None = None,
) -> None:
    """Record that a site's finance data were updated just now, and what is known of them; None leaves as it was.

    NotFoundError if there is no such site.
    """
    known = {
        "finance_source": source,
        "finance_coverage_start": coverage_start,
        "finance_coverage_end": coverage_end,
        "finance_record_count": record_count,
        "finance_data_types": None if data_types is None else list(data_types),
        "has_finance_data": has_finance_data,
    }
    given = {name: value for name, value in known.items() if value is not None}
    _update(subdomain, {**given, "finance_last_updated": now()})


def get_finance_metadata(subdomain: str) -> dict[str, Any] | None:
    """Return what is known of a site's finance data, without the prefix `finance_`; None if there is no such site."""
    with reading() as connection:
        row = get_site_by_subdomain(connection, subdomain)
    if row is None:
        return None
    names = ("last_updated", "source", "coverage_start", "coverage_end", "record_count", "data_types")
    return {"has_finance_data": row["has_finance_data"], **{name: row[f"finance_{name}"] for name in names}}


def get_sites_with_finance_data() -> list[dict[str, Any]]:
    """Return the rows of the sites with finance data, those updated longest ago first."""
    order = (_site.finance_last_updated.asc().nulls_first(), _site.subdomain)
    with reading() as connection:
        query = sa.select(sites_table).where(_site.has_finance_data).order_by(*order)
        return [dict(row) for row in connection.execute(query).mappings()]


def get_next_finance_site() -> dict[str, Any] | None:
    """Return the site tried longest ago, without taking its turn; None if no site is due."""
    with reading() as connection:
        turns = _next(connection, 1)
        return get_site_by_subdomain(connection, turns[0]) if turns else None


def next_finance_sites(connection: Connection, limit: int = 1) -> list[str]:
    """Return the subdomains whose turn it is, for the caller to enqueue in the same write transaction.

    Two callers never get the same one: the second waits until the first has committed, and then sees its jobs.
    """
    serialise(connection, "next finance site")
    return _next(connection, limit)


@asked_once
def finance_job_types(found: PluginSet) -> list[str]:
    """Return the job types of the plugins that process finance data; the first does the whole work for a site.

    A processor names that one in `job_type`; without it, it is the first that its plugin registers.
    """
    registered = {plugin.name: answer for plugin, answer in found.call("register_job_types")}
    names: list[str] = []
    for plugin, processor in found.call("get_data_processors", data_type="finance"):
        if processor:
            names += [getattr(processor, "job_type", None) or "", *registered.get(plugin.name, ())]
    return list(dict.fromkeys(filter(None, names)))


def _next(connection: Connection, limit: int) -> list[str]:
    """Return the first of the turns, passing over names that are no subdomains."""
    return list(islice(filter(is_subdomain, connection.execute(_turns()).scalars()), limit))


def _turns() -> sa.Select[str]:
    """Select the idle sites: first those never tried, then the one tried longest ago.

    A site was tried at its `finance_last_updated` or when its last finance job was made, whichever is later: one whose
    ETL fails each time waits like one whose ETL succeeds, and starves no other.
    """
    of_site = sa.and_(_job.subdomain == _site.subdomain, _job.job_type.in_(finance_job_types()))
    past = _job.created_at <= now(CLOCK_MARGIN)  # a clock that was ahead must cost no site its turn
    last_job = sa.select(sa.func.max(_job.created_at)).where(of_site, past).scalar_subquery()
    idle = ~sa.exists().where(of_site, one_of(_job.state, UNFINISHED))
    updated = sa.case((_site.finance_last_updated <= now(CLOCK_MARGIN), _site.finance_last_updated)).label("updated")
    due = sa.select(_site.subdomain, updated, last_job.label("job")).where(
        _site.has_finance_data, _site.state.in_(settings().finance_states), idle, not_paused()
    )
    c = due.subquery().c
    tried = sa.case((c.updated.is_(None), c.job), (c.job > c.updated, c.job), else_=c.updated)
    return sa.select(c.subdomain).order_by(tried.asc().nulls_first(), c.subdomain)


def _update(subdomain: str, values: dict[str, Any]) -> None:
    with transaction() as connection:
        change = sites_table.update().where(_site.subdomain == subdomain).values({**values, "updated_at": now()})
        if connection.execute(change).rowcount == 0:
            raise missing("site", subdomain)
