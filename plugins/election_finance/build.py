"""Makes an election_finance.db from a manifest's files: same files, same rows, same ids."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from clerk.errors import ClerkError
from plugins.election_finance import coverage, reconcile, schema, set_aside, views
from plugins.election_finance import summary_tables as derived
from plugins.election_finance.agencies import agency_page
from plugins.election_finance.cleaning import normal_name, place_name
from plugins.election_finance.load import Loader, insert
from plugins.election_finance.manifest import Manifest, SourceFile
from plugins.election_finance.workbook import Workbook


@dataclass(frozen=True, slots=True)
class Built:
    """How many rows the workbooks had, and how many of them the friendly tables got."""

    rows_in: int
    rows_out: int


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def build(
    path: Path,
    manifest: Manifest,
    workbook: Callable[[SourceFile], Workbook],
    *,
    run_id: str,
    say: Callable[[str], None] = print,
) -> Built:
    """Make the database of `manifest` at `path` from its files; `say` may raise to stop."""
    started_at = now()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        prepare(connection)
        loader = Loader(connection, manifest.agency)
        for source in manifest.loaded:
            say(f"loading {source.year or source.url}")
            loader.add(source, workbook(source))
        say("deriving totals")
        loader.finish()
        _tell_sources(connection, manifest)
        for statement in _finishing(manifest):
            run_statements(connection, statement)
        built = Built(loader.rows_in, loader.rows_out)
        _describe(connection, manifest, (run_id, "transform", started_at, now(), "completed"), built)
        connection.execute("COMMIT")
        say("checking")
        _check(connection)
    return built


def _finishing(manifest: Manifest) -> Iterator[str]:
    """Yield the statements that make everything but the rows, once the filings are known."""
    yield from schema.filing_indexes()
    yield from views.pages_of_filings(agency_page(manifest.agency))
    yield from reconcile.statements()
    yield from set_aside.statements()
    yield from derived.statements(manifest.municipality)
    yield from schema.indexes()


def restate(path: Path, manifest: Manifest) -> None:
    """Write the manifest's sources into a database that is not published yet."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        _tell_sources(connection, manifest)
        connection.execute("DELETE FROM coverage")
        connection.execute(coverage.fill())
        connection.execute("COMMIT")
        _check(connection)


def _tell_sources(connection: sqlite3.Connection, manifest: Manifest) -> None:
    connection.execute("DELETE FROM sources")
    insert(connection, "sources", 11, manifest.source_rows)
    connection.execute("DELETE FROM row_issues WHERE code = 'ignored_file'")
    issues = ((None, None, None, None, "ignored_file", reason) for reason in manifest.ignored)
    insert(connection, "row_issues", 6, issues)


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables of a new database, in a transaction that stays open."""
    # Nothing to protect: no reader sees the file before it is finished.
    for pragma in ("journal_mode = OFF", "synchronous = OFF", f"user_version = {schema.SCHEMA_VERSION}"):
        connection.execute(f"PRAGMA {pragma}")
    connection.create_function("normal_name", 1, normal_name, deterministic=True)
    connection.create_function("place_name", 1, place_name, deterministic=True)
    connection.create_function("place_title", 1, lambda name: place_name(name).title() or None, deterministic=True)
    connection.execute("BEGIN")
    for statement in schema.tables():
        run_statements(connection, statement)


def run_statements(connection: sqlite3.Connection, statements: str) -> None:
    """Run statements, each ended by `;` and a new line, in the open transaction."""
    # executescript would commit first.
    for statement in statements.split(";\n"):
        if statement.strip():
            connection.execute(statement)


def _describe(connection: sqlite3.Connection, manifest: Manifest, run: tuple[str, ...], built: Built) -> None:
    facts = {
        "agency": manifest.agency,
        **({views.AGENCY_PAGE: page} if (page := agency_page(manifest.agency)) else {}),
        "fingerprint": manifest.fingerprint(schema.SCHEMA_VERSION),
        "municipality": manifest.municipality,
        "schema_version": str(schema.SCHEMA_VERSION),
        "source": "NetFile's yearly export of campaign statements filed electronically; paper filings are not in it",
    }
    insert(connection, "database_info", 2, facts.items())
    years = ", ".join(map(str, manifest.years))
    insert(connection, "etl_runs", 8, [(*run, built.rows_in, built.rows_out, f"years: {years}")])


def _check(connection: sqlite3.Connection) -> None:
    connection.execute("ANALYZE")
    broken = connection.execute("PRAGMA foreign_key_check").fetchone()
    (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
    if broken or verdict != "ok":
        raise ClerkError(f"the new database is not sound ({broken or verdict}); nothing was replaced")
