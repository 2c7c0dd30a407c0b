"""Adding and removing a site, with the checks and the plugins' hooks that belong to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from clerk.acts import named, record_act
from clerk.database.literals import one_of
from clerk.database.states import UNFINISHED
from clerk.database.tables import jobs_table, site_progress_table
from clerk.database.transactions import reading, transaction
from clerk.errors import ConflictError, UsageError
from clerk.paths import validate_subdomain
from clerk.plugin.loader import call_hook
from clerk.sites.rows import delete_site, get_all_sites, hold_site, insert_site, refused_sites, require_site

_RANGES = {"start_year": (1800, 2200), "lat": (-90, 90), "lng": (-180, 180)}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSite:
    """What is said of a site when it is added; `extra` None asks the plugins for it, by scraper label."""

    subdomain: str
    name: str
    state: str
    kind: str = "city"
    country: str = "US"
    scraper: str | None = None
    start_year: int | None = None
    lat: float | None = None  # degrees
    lng: float | None = None
    has_finance_data: bool = False
    extra: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        validate_subdomain(self.subdomain)
        for field in ("name", "state", "kind", "country"):
            if not getattr(self, field).strip():
                raise UsageError(f"the site's {field} is empty")
        for field, (least, most) in _RANGES.items():
            value = getattr(self, field)
            if value is not None and not least <= value <= most:
                raise UsageError(f"the site's {field} is {value}: it is between {least} and {most}")

    def row(self) -> dict[str, Any]:
        """Return the columns to insert; a place without coordinates has empty ones, as it always had."""
        return {
            "subdomain": self.subdomain,
            "name": self.name.strip(),
            "state": self.state.strip().upper(),
            "country": self.country.strip().upper(),
            "kind": self.kind.strip(),
            "scraper": self.scraper,
            "start_year": self.start_year,
            "lat": "" if self.lat is None else str(self.lat),
            "lng": "" if self.lng is None else str(self.lng),
            "has_finance_data": self.has_finance_data,
            "pages": 0,
            "status": "new",
            "extra": json.dumps(self._extra(), ensure_ascii=False),
        }

    def _extra(self) -> Mapping[str, Any]:
        if self.extra is not None or not self.scraper:
            return self.extra or {}
        answers = call_hook("fetcher_extra", label=self.scraper)
        return next((answer for _plugin, answer in answers if answer), {})


def add_site(new: NewSite) -> dict[str, Any]:
    """Insert a site, call the plugins' hooks, and return its row; ConflictError if the subdomain is taken."""
    values = new.row()
    with transaction() as connection:
        try:
            insert_site(connection, values)
        except IntegrityError as error:
            raise ConflictError(
                f"site {new.subdomain!r} is there already: see `clerk-tasks sites show {new.subdomain}`"
            ) from error
        record_act(connection, "add", named("site", [new.subdomain]))
    call_hook("post_create", subdomain=new.subdomain)
    return show_site(new.subdomain)


def show_site(subdomain: str) -> dict[str, Any]:
    """Return a site's row; NotFoundError for an unknown one."""
    with reading() as connection:
        return require_site(connection, subdomain)


def list_sites() -> list[dict[str, Any]]:
    """Return every site's row, by subdomain."""
    with reading() as connection:
        return get_all_sites(connection, order_by="subdomain")


def site_problems() -> list[str]:
    """Return what `db check` says of the sites that never get a turn, in a line; nothing if all do."""
    with reading() as connection:
        names = refused_sites(connection)
    shown = ", ".join(map(repr, names[:5])) + (", …" if names[5:] else "")
    return [f"sites never updated, because their names are no subdomains: {len(names)} ({shown})"] if names else []


def remove_site(subdomain: str, *, dry_run: bool = False) -> dict[str, Any]:
    """Delete a site's row and progress and return the row; its files, runs and jobs stay.

    NotFoundError if there is no such site, ConflictError while it has unfinished jobs. `dry_run` only checks.
    """
    with transaction() as connection:
        site = require_site(connection, subdomain)
        hold_site(connection, subdomain)  # jobs that are being enqueued for it are committed first, and are seen
        _refuse_while_busy(connection, subdomain)
        if not dry_run:
            delete_site(connection, subdomain)
            connection.execute(site_progress_table.delete().where(site_progress_table.c.subdomain == subdomain))
            record_act(connection, "remove", named("site", [subdomain]))
    return site


def _refuse_while_busy(connection: Connection, subdomain: str) -> None:
    jobs = jobs_table.c
    unfinished = sa.and_(jobs.subdomain == subdomain, one_of(jobs.state, UNFINISHED))
    number, first = connection.execute(sa.select(sa.func.count(), sa.func.min(jobs.id)).where(unfinished)).one()
    if number:
        raise ConflictError(
            f"site {subdomain!r} has {number} unfinished jobs, the first {first}: "
            f"wait for them, or cancel them (`clerk-tasks jobs list --subdomain {subdomain}`)"
        )
