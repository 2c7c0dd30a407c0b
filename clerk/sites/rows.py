"""The rows of `sites`: the helpers that plugins use, each taking a connection first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from clerk.database.clock import CLOCK_MARGIN, now, parse_moment
from clerk.database.literals import one_of
from clerk.database.states import UNFINISHED
from clerk.database.tables import jobs_table, pauses_table, runs_table, sites_table
from clerk.database.transactions import reading, serialise
from clerk.errors import UsageError, missing
from clerk.paths import is_subdomain, validate_subdomain
from clerk.stage import BEGINNERS, MEETINGS

_site, _run, _job, _pause = sites_table.c, runs_table.c, jobs_table.c, pauses_table.c
_NEVER = datetime.min.replace(tzinfo=UTC)


def insert_site(connection: Connection, site: Mapping[str, Any]) -> str:
    """Insert a site and return its subdomain; sqlalchemy's IntegrityError if it is there already."""
    connection.execute(sites_table.insert().values(_columns(site)))
    return str(site["subdomain"])


def upsert_site(connection: Connection, site: Mapping[str, Any]) -> None:
    """Insert a site, or set the given columns of the one that is there."""
    values = _columns(site)
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(sites_table).values(values)
    changes = {name: value for name, value in values.items() if name != "subdomain"}
    if changes:
        connection.execute(statement.on_conflict_do_update(index_elements=["subdomain"], set_=changes))
    else:
        connection.execute(statement.on_conflict_do_nothing(index_elements=["subdomain"]))


def get_site_by_subdomain(connection: Connection, subdomain: str) -> dict[str, Any] | None:
    """Return a site's row, or None."""
    row = connection.execute(sa.select(sites_table).where(sites_table.c.subdomain == subdomain)).mappings().first()
    return dict(row) if row else None


def require_site(connection: Connection, subdomain: str) -> dict[str, Any]:
    """Return a site's row; without one NotFoundError, or UsageError if the name is no subdomain."""
    is_text = "\x00" not in subdomain and subdomain.encode(errors="replace").decode() == subdomain
    site = get_site_by_subdomain(connection, subdomain) if is_text else None
    if site is None:
        raise missing("site", validate_subdomain(subdomain))
    return site


def refused_sites(connection: Connection) -> list[str]:
    """Return the names that are no subdomains, as other programs may add them: these sites never get a turn."""
    names = connection.execute(sa.select(_site.subdomain)).scalars()
    return sorted(str(name) for name in names if not is_subdomain(name))


def hold_site(connection: Connection, subdomain: str) -> None:
    """Lock a site's row until the transaction ends; waits for a transaction that enqueues for it."""
    connection.execute(sa.select(sites_table.c.subdomain).where(sites_table.c.subdomain == subdomain).with_for_update())


def update_site(connection: Connection, subdomain: str, updates: Mapping[str, Any]) -> None:
    """Set columns of a site; nothing happens without columns, or without the site."""
    if updates:
        connection.execute(sites_table.update().where(sites_table.c.subdomain == subdomain).values(_columns(updates)))


def delete_site(connection: Connection, subdomain: str) -> None:
    """Delete a site's row, if there is one; its files and jobs stay."""
    connection.execute(sites_table.delete().where(sites_table.c.subdomain == subdomain))


def get_all_sites(connection: Connection, order_by: str | None = None) -> list[dict[str, Any]]:
    """Return every site's row; a column name that does not exist does not order."""
    query = sa.select(sites_table)
    if order_by is not None and order_by in sites_table.c:
        query = query.order_by(sites_table.c[order_by])
    return [dict(row) for row in connection.execute(query).mappings()]


#: A site whose meetings were updated within so long is fresh, in hours.
LOOKBACK = 23.0


def get_oldest_site(lookback_hours: float = LOOKBACK) -> str | None:
    """Return the site whose meetings were updated longest ago, never first; None if all were within the look-back."""
    with reading() as connection:
        oldest = _by_age(connection, sa.select(_site.subdomain, _site.last_updated, sa.null()), lookback_hours)
    return oldest[0] if oldest else None


def take_oldest_sites(connection: Connection, limit: int = 1, *, lookback_hours: float = LOOKBACK) -> list[str]:
    """Return the idle sites with a fetcher, the one updated or tried longest ago first.

    The caller enqueues them in the same write transaction: two callers never get the same one. A site whose fetch
    fails each time has been tried as much as one whose fetch succeeds, so it waits like that one.
    """
    serialise(connection, "next meetings site")
    last_run = sa.select(_run.created_at).where(
        _run.subdomain == _site.subdomain, _run.pipeline == MEETINGS, _run.created_at <= now(CLOCK_MARGIN)
    )
    busy = sa.select(_job.subdomain).where(
        one_of(_job.state, UNFINISHED), _job.unique_key.is_not(None), _job.job_type.in_(sorted(BEGINNERS))
    )
    idle = sa.select(
        _site.subdomain,
        _site.last_updated,
        last_run.order_by(_run.created_at.desc()).limit(1).scalar_subquery(),
    ).where(_site.scraper.is_not(None), _site.scraper != "", _site.subdomain.not_in(busy), not_paused())
    return _by_age(connection, idle, lookback_hours)[:limit]


def _by_age(connection: Connection, query: sa.Select[Any], lookback_hours: float) -> list[str]:
    """Return the subdomains outside the look-back, oldest first; the query gives when they were updated, and tried.

    The former is text that several programs wrote, so it is read here and not in SQL; unreadable is never, and so is
    the future, of a clock that was ahead. A name that is no subdomain has no turn.
    """
    rows = [row for row in connection.execute(query) if is_subdomain(row[0])]
    cutoff = connection.execute(sa.select(now())).scalar_one() - timedelta(hours=lookback_hours)
    ahead = cutoff + timedelta(hours=lookback_hours, seconds=CLOCK_MARGIN)
    moments = [(name, [parse_moment(updated), tried]) for name, updated, tried in rows]
    ages = sorted((max((at for at in known if at and at <= ahead), default=_NEVER), name) for name, known in moments)
    return [name for touched, name in ages if touched < cutoff]


def not_paused() -> sa.ColumnElement[bool]:
    """Return the condition that a site is not paused, nor everything."""
    held = sa.or_(_pause.kind == "all", sa.and_(_pause.kind == "site", _pause.name == _site.subdomain))
    return ~sa.exists().where(held, sa.or_(_pause.until.is_(None), _pause.until > now()))


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values; UsageError for a name that is no column of `sites`."""
    unknown = sorted(set(values) - set(sites_table.c.keys()))
    if unknown:
        raise UsageError(f"no such column of sites: {', '.join(unknown)}; there are {', '.join(sites_table.c.keys())}")
    return dict(values)
