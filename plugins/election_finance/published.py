"""The published database's identity and rows, also where another program made it."""

# ruff: noqa: S608 - the names in the SQL made here are our own

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from clerk.publication import open_database
from plugins.election_finance.layout import SHEETS
from plugins.election_finance.manifest import Manifest
from plugins.election_finance.schema import MEMO, SUPERSEDED


@dataclass(frozen=True, slots=True)
class Published:
    """A database's identity and size: what it was made from, and how many rows of each year.

    Without `fingerprint` something else made it; then all its rows are in `others`, None if they cannot be counted.
    """

    fingerprint: str | None = None
    rows: Mapping[str, int] = field(default_factory=dict)
    others: int | None = 0


@dataclass(frozen=True, slots=True)
class Contents:
    """What a site's row says of its database."""

    coverage_start: date | None
    coverage_end: date | None
    records: int
    data_types: list[str]
    filings: int


def inspect(path: Path) -> Published | None:
    """Return a database's identity, or None."""
    if not os.path.lexists(path):
        return None
    try:
        with closing(open_database(path, "ro")) as connection:
            try:
                fingerprint = _one(connection, "SELECT value FROM database_info WHERE key = 'fingerprint'")
                rows = connection.execute(
                    "SELECT CAST(year AS TEXT), SUM(rows) FROM coverage WHERE rows > 0 GROUP BY year"
                ).fetchall()
            except (sqlite3.OperationalError, TypeError):
                return Published(others=_others(connection))
    except sqlite3.Error:
        return Published(others=None)
    return Published(fingerprint, dict(rows))


def _others(connection: sqlite3.Connection) -> int | None:
    """Count the rows of a database that another program made; None if all its tables are unknown."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    kinds = [{sheet.raw for sheet in SHEETS} & tables, {sheet.friendly for sheet in SHEETS} & tables]
    if tables and not any(kinds):
        return None
    counts: list[int] = [sum(_one(connection, f'SELECT COUNT(*) FROM "{name}"') for name in kind) for kind in kinds]
    return max(counts)


def says(path: Path, manifest: Manifest) -> bool:
    """Return whether a database that we made names the same sources as the manifest."""
    with closing(open_database(path, "ro")) as connection:
        sources = connection.execute("SELECT * FROM sources ORDER BY source_id").fetchall()
        issues = "SELECT detail FROM row_issues WHERE code = 'ignored_file' ORDER BY issue_id"
        ignored = tuple(reason for (reason,) in connection.execute(issues))
    return (sources, ignored) == (manifest.source_rows, manifest.ignored)


def contents(path: Path) -> Contents:
    """Return the row counts of a database that we made."""
    with closing(open_database(path, "ro")) as connection:
        counts = {
            sheet.friendly: sum(
                _one(connection, f"SELECT COUNT(*) FROM {prefix}{sheet.friendly}") for prefix in ("", SUPERSEDED, MEMO)
            )
            for sheet in SHEETS
        }
        return Contents(
            coverage_start=_date(_one(connection, "SELECT MIN(COALESCE(from_date, report_date)) FROM filings")),
            coverage_end=_date(_one(connection, "SELECT MAX(COALESCE(thru_date, report_date)) FROM filings")),
            records=sum(counts.values()),
            data_types=[table for table, count in counts.items() if count],
            filings=_one(connection, "SELECT COUNT(*) FROM filings"),
        )


def _one(connection: sqlite3.Connection, query: str) -> Any:
    return connection.execute(query).fetchone()[0]


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
