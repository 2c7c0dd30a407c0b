"""What a database must pass before it is published, and what it says of itself afterwards."""

# ruff: noqa: S608 - the names in the SQL made here come from the database's own schema, quoted

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from clerk.jobs import Discard

#: The tables that `stamp` makes: one row a fact, and one row a document that went into the database.
FACTS = "clerk_provenance"
SOURCES = "clerk_sources"

#: Tables that describe the rows of others: they are not counted.
DESCRIPTIONS = (FACTS, SOURCES, "meeting", "document", "document_page", "municipalities")

_FULL_TEXT = "SELECT name, lower(sql) LIKE '%using fts5%' FROM sqlite_master WHERE lower(sql) LIKE '%using fts_%'"


class Refused(Discard):
    """A database that must not be published: it fails a check, is empty, or is suspiciously smaller than before."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a published database says of itself; `content_hash` is of the file as it was before it was stamped."""

    run_id: str
    stamped_at: datetime
    content_hash: str
    rows: Mapping[str, int]

    @property
    def total(self) -> int:
        """Count the rows that all its tables had."""
        return sum(self.rows.values())


def check_database(
    path: Path,
    *,
    last_rows: int | None = None,
    accept_shrink: bool = False,
    tolerance: float = 0.5,
    called: Path | None = None,
) -> Mapping[str, int]:
    """Check a database file, changing nothing, and return how many rows each table has; our own do not count.

    An error names the file as it is `called`.
    Raises Refused if SQLite finds it damaged, a reference leads nowhere, a full-text index does not match its
    table, or, unless `accept_shrink`, it has no rows or fewer than `tolerance` times the `last_rows` of last time.
    """
    try:
        with closing(open_database(path, "rw")) as connection:
            fault = _fault(connection)
            rows = {} if fault else _count(connection)
    except sqlite3.DatabaseError as error:
        fault, rows = str(error), {}
    if fault:
        raise Refused(f"{called or path} was not published, it is damaged ({' '.join(fault.split())}): make it again")
    shrunken = None if accept_shrink else _shrinking(sum(rows.values()), last_rows, tolerance)
    if shrunken:
        advice = "look into it, or accept that with --accept-shrink"
        raise Refused(f"{called or path} was not published, it {shrunken}: {advice}")
    return rows


def stamp(
    path: Path,
    *,
    run_id: str,
    content_hash: str,
    rows: Mapping[str, int],
    sources: Mapping[str, str],
    titles: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write into a database, before it is put in place, what it is: its run, sources and row counts.

    `sources` is {name: SHA-256}; `titles` is {name of a source: what its publisher calls it}.
    """
    facts = {
        "run_id": run_id,
        "stamped_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "content_hash": content_hash,
        "rows": json.dumps(rows),
    }
    with closing(open_database(path, "rw")) as connection:
        # Nobody reads it yet, and a crash throws it away; also it leaves the WAL mode, whose databases are three files.
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute("BEGIN")
        named = [(name, sha256, titles.get(name)) for name, sha256 in sources.items()]
        for table, columns, values in (
            (FACTS, ("key", "value"), facts.items()),
            (SOURCES, ("source", "sha256", "title"), named),
        ):
            connection.execute(f"DROP TABLE IF EXISTS {table}")
            connection.execute(f"CREATE TABLE {table} ({', '.join(columns)}, PRIMARY KEY ({columns[0]})) WITHOUT ROWID")
            connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})", values)
        connection.execute("COMMIT")


def provenance(path: Path) -> Provenance | None:
    """Read a published database's provenance; None if it is missing, or was never stamped."""
    try:
        with closing(open_database(path, "ro")) as connection:
            facts = dict(connection.execute(f"SELECT key, value FROM {FACTS}"))
        moment = datetime.fromisoformat(facts["stamped_at"])
        return Provenance(facts["run_id"], moment, facts["content_hash"], json.loads(facts["rows"]))
    except (sqlite3.Error, KeyError, ValueError):
        return None


def last_row_count(path: Path) -> int | None:
    """Return how many rows a published database has, by its own word or else by counting; None if it is unreadable."""
    if known := provenance(path):
        return known.total
    try:
        with closing(open_database(path, "ro")) as connection:
            return sum(_count(connection).values())
    except sqlite3.Error:
        return None


def open_database(path: Path, mode: Literal["ro", "rw"]) -> sqlite3.Connection:
    """Open a SQLite file in autocommit, never creating one: sqlite3.OperationalError if it does not exist."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None)


_accepting: ContextVar[bool] = ContextVar("clerk_accepting_shrink", default=False)
_only: ContextVar[str | None] = ContextVar("clerk_publishing_only", default=None)


@contextmanager
def accepting_shrink(accepted: bool = True) -> Iterator[None]:
    """Accept a smaller database for the length of a with block; the hooks have no argument for it."""
    token = _accepting.set(accepted)
    try:
        yield
    finally:
        _accepting.reset(token)


def shrink_accepted() -> bool:
    """Return whether the operator accepts a smaller database."""
    return _accepting.get()


@contextmanager
def publishing_only(database: str) -> Iterator[None]:
    """Publish one database of a site, a path below its folder, for the length of a with block; others stay."""
    token = _only.set(database)
    try:
        yield
    finally:
        _only.reset(token)


def is_to_be_published(database: str) -> bool:
    """Return whether to publish this database of a site, a path below its folder."""
    return _only.get() in (None, database)


def input_fingerprint(path: Path) -> str | None:
    """Return the `fingerprint` of a database's table `database_info`: the same for all databases of one input.

    Two databases of one input may differ in when and how they were made. None for a database that does not say it.
    """
    try:
        with closing(open_database(path, "ro")) as connection:
            row = connection.execute("SELECT value FROM database_info WHERE key = 'fingerprint'").fetchone()
    except sqlite3.Error:
        return None
    return str(row[0]) if row else None


def _fault(connection: sqlite3.Connection) -> str | None:
    """Return the first thing that is wrong."""
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        return str(verdict)
    if stray := connection.execute("PRAGMA foreign_key_check").fetchone():
        return f"a row of {stray[0]} refers to one of {stray[2]} that does not exist"
    for table, is_fts5 in connection.execute(_FULL_TEXT).fetchall():
        if error := _index_fault(connection, table, is_fts5=bool(is_fts5)):
            return f"the search index {table} does not match its table, {error}"
    return None


def _index_fault(connection: sqlite3.Connection, table: str, *, is_fts5: bool) -> str | None:
    # Rank 1 compares an FTS5 index with the table that it is of, not only with itself. The check writes nothing,
    # but it is an INSERT, so that it needs a transaction.
    columns, values = (f"[{table}], rank", "'integrity-check', 1") if is_fts5 else (f"[{table}]", "'integrity-check'")
    connection.execute("BEGIN")
    try:
        connection.execute(f"INSERT INTO [{table}] ({columns}) VALUES ({values})")
    except sqlite3.DatabaseError as error:
        return str(error)
    finally:
        connection.execute("ROLLBACK")
    return None


def _count(connection: sqlite3.Connection) -> dict[str, int]:
    places = ", ".join("?" * len(DESCRIPTIONS))
    tables = connection.execute(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' "
        f"AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT IN ({places}) ORDER BY name",
        DESCRIPTIONS,
    ).fetchall()
    return {name: connection.execute(f"SELECT COUNT(*) FROM [{name}]").fetchone()[0] for (name,) in tables}


def _shrinking(rows: int, last_rows: int | None, tolerance: float) -> str | None:
    if not rows:
        return "is empty"
    if last_rows is not None and rows < last_rows * tolerance:
        return f"has {rows} rows after {last_rows}"
    return None
