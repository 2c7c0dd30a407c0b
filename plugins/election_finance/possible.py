"""What may be had for a site: its sources, what is loaded of each, and what a person can do to get the rest."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from clerk.errors import NotFoundError
from clerk.paths import validate_subdomain
from clerk.publication import open_database
from plugins.election_finance import manifest as manifests
from plugins.election_finance.agencies import known_agencies
from plugins.election_finance.manifest import NOTHING
from plugins.election_finance.site_paths import FinanceSite, finance_site, find_finance_site
from plugins.election_finance.sources import FIRST_YEAR, KNOWN_SOURCES


@dataclass(frozen=True, slots=True)
class Possibility:
    """A source of a site: whether it is fetched without help, its files and rows that are loaded, and what to do."""

    format: str
    title: str
    is_fetched: bool
    files: int
    years: list[int]
    rows: int
    action: str


@dataclass(frozen=True, slots=True)
class Possibilities:
    """All sources of a site, and the years since its first of which nothing is loaded."""

    subdomain: str
    agency: str | None
    sources: list[Possibility]
    missing: list[int]

    def to_json(self) -> dict[str, Any]:
        """Return what `finance sources --json` prints."""
        return asdict(self)


def possibilities(subdomain: str) -> Possibilities:
    """Return what may be had for a site, or for a subdomain of the table of agencies; NotFoundError for another."""
    site = _site(validate_subdomain(subdomain))
    loaded = (manifests.load(site.manifest) or NOTHING).loaded
    covered = _covered(site)
    found = []
    for source in KNOWN_SOURCES.values():
        files = [file for file in loaded if file.format == source.format]
        if offer := source.offer(site):
            of_source = sorted(year for format_, year in covered if format_ == source.format)
            rows = sum(file.rows or 0 for file in files)
            about = (offer.format, offer.title, offer.is_fetched)
            found.append(Possibility(*about, len(files), of_source, rows, offer.action))
    years = {year for _format, year in covered}
    wanted = range(site.start_year or min(years, default=FIRST_YEAR), datetime.now(UTC).year + 1)
    return Possibilities(site.subdomain, site.shortcut, found, [year for year in wanted if year not in years])


def _site(subdomain: str) -> FinanceSite:
    try:
        return find_finance_site(subdomain)
    except NotFoundError:
        if subdomain not in known_agencies():
            raise
        return finance_site({"subdomain": subdomain})


def _covered(site: FinanceSite) -> set[tuple[str, int]]:
    """Return the (format, year) that the published database has rows of."""
    try:
        with closing(open_database(site.database, "ro")) as connection:
            return set(connection.execute("SELECT format, year FROM coverage WHERE rows > 0"))
    except sqlite3.Error:  # there is no database, or an older one
        return set()
