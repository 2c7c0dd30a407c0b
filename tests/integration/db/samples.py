"""Databases as the RQ-based clerk left them, and what is compared before and after an upgrade."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

FOLDER = Path(__file__).parents[3].parent / "shared" / "data" / "meetings" / "db"
FLAGS = ("coordinator_enqueued", "has_finance_data")
ARCHIVE = {"job_tracking": "job_tracking_archive"}
TRUTHS = {"1", "true", "t"}

Row = dict[str, Any]
Snapshot = dict[str, list[Row]]


def sample(name: str) -> str:
    """Return a dump's SQL; skip the test where the sample data are absent."""
    path = FOLDER / f"civic_{name}.sql"
    if not path.exists():
        pytest.skip(f"the sample databases are not at {FOLDER}")
    return path.read_text(encoding="utf-8")


def load_sqlite(name: str, path: Path) -> None:
    """Make a SQLite file from a dump."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sample(name))


def rows_of_sample(name: str) -> Snapshot:
    """Return every row of a dump, table by table, as SQLite stores it."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(sample(name))
        return _snapshot_sqlite(connection)


def insert_postgres(url: str, tables: Snapshot) -> None:
    """Insert a dump's rows into tables of that revision; text goes in as PostgreSQL reads it."""
    with connect_postgres(url) as connection:
        connection.execute("CREATE TABLE feed_entries (subdomain TEXT, date TEXT, kind TEXT, name TEXT)")
        for table, rows in tables.items():
            for row in rows if table != "alembic_version" else ():
                values = {name: as_flag(value) if name in FLAGS else value for name, value in row.items()}
                names = ", ".join(values)
                places = ", ".join(["%s"] * len(values))
                connection.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", list(values.values()))


def path_of(url: str) -> Path:
    """Return the file of a SQLite address."""
    return Path(str(sa.make_url(url).database))


def snapshot(url: str) -> Snapshot:
    """Return every stored value of every table, as the driver gives it."""
    address = sa.make_url(url)
    if address.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(address.database))) as connection:
            return _snapshot_sqlite(connection)
    with connect_postgres(url) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
        return {name: cursor.execute(f'SELECT * FROM "{name}"').fetchall() for (name,) in names}


def assert_kept(before: Snapshot, after: Snapshot) -> None:
    """Compare every row and value that was there before; booleans by what they meant."""
    for table, rows in before.items():
        if table == "alembic_version":
            continue
        found = after[ARCHIVE.get(table, table)]
        assert len(found) == len(rows), table
        old_columns = list(rows[0]) if rows else []
        renamed = {name: "subdomain" if name == "site_id" else name for name in old_columns}
        expected = [{renamed[name]: _meant(name, value) for name, value in row.items()} for row in rows]
        kept = [{name: row[name] for name in renamed.values()} for row in found]
        assert sorted(kept, key=repr) == sorted(expected, key=repr), table


def as_flag(value: object) -> bool:
    """Return what a stored boolean meant."""
    return value in (True, 1) or str(value).lower() in TRUTHS


def connect_postgres(url: str) -> psycopg.Connection[Any]:
    """Open a plain connection."""
    return psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://"), autocommit=True)


def execute(url: str, *statements: str) -> None:
    """Run plain SQL, as another program would."""
    address = sa.make_url(url)
    if address.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(path_of(url), isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)
    else:
        with connect_postgres(url) as connection:
            for statement in statements:
                connection.execute(statement)


def flags(tables: Snapshot) -> Iterable[object]:
    """Return every value of every boolean column of sites."""
    return (row[name] for row in tables["sites"] for name in FLAGS)


def _snapshot_sqlite(connection: sqlite3.Connection) -> Snapshot:
    connection.row_factory = sqlite3.Row
    names = [row["name"] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: [dict(row) for row in connection.execute(f'SELECT * FROM "{name}"')] for name in names}


def _meant(name: str, value: object) -> object:
    return as_flag(value) if name in FLAGS else value
