"""The versions of published databases: list them, publish a new one, publish an older one again."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from clerk.acts import record_act
from clerk.database.transactions import reading, transaction
from clerk.errors import DatabaseUnavailable, UsageError
from clerk.paths import is_subdomain
from clerk.publication import accepting_shrink, provenance
from clerk.sites.rows import get_all_sites, require_site
from plugins.local_publish.deploy import publish_site, publish_sites, shelves, show_readers, site_folder
from plugins.local_publish.shelf import Shelf, Version, locked


def kept(subdomain: str) -> list[dict[str, Any]]:
    """Return the versions that are kept of a site's databases, newest first."""
    return [{"subdomain": subdomain} | row for shelf in shelves(subdomain) for row in _rows(shelf)]


def kept_of_all() -> list[dict[str, Any]]:
    """Return the versions that are kept of every site's databases."""
    with reading() as connection:
        names = [site["subdomain"] for site in get_all_sites(connection, order_by="subdomain")]
    return [row for name in names if is_subdomain(name) for row in kept(name)]


def publish_now(subdomain: str, *, accept_shrink: bool) -> list[dict[str, Any]]:
    """Publish what was compiled for a site, and the list of sites; return the outcome for each database."""
    site_folder(subdomain)
    with reading() as connection:
        require_site(connection, subdomain)
    with accepting_shrink(accept_shrink):
        reports = publish_site(subdomain)
        publish_sites(subdomain)
    return [
        {"database": r.database, "outcome": r.outcome.value, "version": r.version.name if r.version else None}
        for r in reports
    ]


def roll_back(subdomain: str, database: str | None, to: str | None, *, reason: str | None = None) -> dict[str, Any]:
    """Publish an older version again, by default the one before; return it.

    Without `database` that of meetings, or the only one that the site has.
    """
    shelf = _shelf(subdomain, database)
    database = shelf.live.stem
    with locked(site_folder(subdomain)):
        version = shelf.roll_back(to)
        show_readers(subdomain)
    row = _row(shelf, version, live=True)
    with suppress(DatabaseUnavailable), transaction() as connection:  # readers see it already
        record_act(connection, "rollback", f"{database} of {subdomain} to {row['version']}", reason=reason)
    return row


def _shelf(subdomain: str, database: str | None) -> Shelf:
    known = {shelf.live.stem: shelf for shelf in shelves(subdomain)}
    if database is None:
        published = [name for name, shelf in known.items() if shelf.live.exists()]
        database = next(iter(published or known))
    if database not in known:
        raise UsageError(f"unknown database {database!r}: it is {' or '.join(known)}")
    return known[database]


def _rows(shelf: Shelf) -> list[dict[str, Any]]:
    current = shelf.current()
    return [_row(shelf, version, live=version == current) for version in reversed(shelf.versions())]


def _row(shelf: Shelf, version: Version, *, live: bool) -> dict[str, Any]:
    known = provenance(version.path)
    return {
        "version": version.name,
        "database": shelf.name,
        "live": live,
        "published_at": known.stamped_at.isoformat() if known else None,
        "rows": known.total if known else None,
        "run_id": known.run_id if known else None,
        "content_hash": known.content_hash if known else None,
    }
