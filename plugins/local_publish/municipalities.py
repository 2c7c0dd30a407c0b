"""The table `municipalities` of sites.db: what a person wants to know before opening a municipality's databases."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clerk.database.clock import parse_moment
from clerk.fetching.failure_notes import owed_documents
from clerk.fetching.layout import Layout
from clerk.paths import site_dir
from clerk.publication import open_database

MUNICIPALITIES = "municipalities"

_CREATE = f"""
CREATE TABLE {MUNICIPALITIES} (
    subdomain TEXT PRIMARY KEY, name TEXT NOT NULL, state TEXT, kind TEXT, last_meeting TEXT, up_to_date_as_of TEXT,
    documents_owed INTEGER NOT NULL, freshness TEXT NOT NULL, pages INTEGER NOT NULL, databases TEXT NOT NULL
)"""
_INSERT = f"INSERT INTO {MUNICIPALITIES} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608

#: The last day of a site's meetings until today, in our databases and in those of other programs.
_LAST_MEETINGS = (
    "SELECT MAX(date) FROM meeting WHERE date <= ?",
    "SELECT MAX(date) FROM (SELECT date FROM minutes UNION ALL SELECT date FROM agendas) WHERE date <= ?",
)

#: What only a site's own files say, by subdomain: its last meeting, and how many documents are owed.
Known = Mapping[str, tuple[str | None, int]]


def write_municipalities(
    path: Path, sites: Iterable[Mapping[str, Any]], *, published: Path, databases: Iterable[str], known: Known
) -> None:
    """Add the table to the new database `path`: a row for each site.

    `databases` are the paths of a site's databases below its folder in `published`. A site of which something is
    `known` is not looked at.
    """
    names = tuple(databases)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(_CREATE)
        connection.executemany(_INSERT, (_row(site, published, names, known) for site in sites))
        connection.commit()


def known_municipalities(path: Path, *, without: str | None) -> Known:
    """Return what the published sites.db says of all municipalities but one; {} if it says nothing."""
    with suppress(sqlite3.Error), closing(open_database(path, "ro")) as connection:
        rows = connection.execute(f"SELECT subdomain, last_meeting, documents_owed FROM {MUNICIPALITIES}")  # noqa: S608
        return {subdomain: (last, owed) for subdomain, last, owed in rows if subdomain != without}
    return {}


def _row(site: Mapping[str, Any], published: Path, databases: tuple[str, ...], known: Known) -> tuple[Any, ...]:
    subdomain = str(site["subdomain"])
    there = [name for name in databases if (published / subdomain / name).exists()]
    last_meeting, owed = known.get(subdomain) or _look(subdomain, published / subdomain / databases[0])
    as_of = parse_moment(site["last_updated"])
    day = as_of.date().isoformat() if as_of else None
    return (
        *(subdomain, site["name"] or subdomain, site["state"], site["kind"], last_meeting),
        *(day, owed, _freshness(day, owed, site["finance_last_updated"]), site["pages"] or 0),
        ", ".join(Path(name).stem for name in there),
    )


def _look(subdomain: str, meetings: Path) -> tuple[str | None, int]:
    """Return the day of a site's last meeting, and how many documents are owed to it."""
    return next(_last_meetings(meetings), None), len(owed_documents(Layout(site_dir(subdomain))))


def _last_meetings(meetings: Path) -> Iterator[str | None]:
    today = datetime.now(UTC).date().isoformat()
    for query in _LAST_MEETINGS:
        with suppress(sqlite3.Error), closing(open_database(meetings, "ro")) as connection:
            yield connection.execute(query, (today,)).fetchone()[0]


def _freshness(day: str | None, owed: int, finance: datetime | None) -> str:
    """Return how fresh a site's databases are, in words."""
    documents = f", {owed} document{'' if owed == 1 else 's'} owed" if owed else ""
    meetings = [f"meetings up to date as of {day}{documents}"] if day else []
    money = [f"money up to date as of {finance.date().isoformat()}"] if finance else []
    return "; ".join([*meetings, *money]) or "not fetched yet"
