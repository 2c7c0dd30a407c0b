"""The tables of all-cities.db: published databases, documents, and the text of every page, searchable."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import groupby
from pathlib import Path

#: Raise it whenever the tables change: the index is then made again from the published databases.
INDEX_VERSION = 2

_TABLES = """
CREATE TABLE databases (
    name TEXT PRIMARY KEY, subdomain TEXT NOT NULL, kind TEXT NOT NULL, content_hash TEXT NOT NULL,
    tables TEXT NOT NULL, published_at TEXT NOT NULL
);
CREATE TABLE documents (
    document_id INTEGER PRIMARY KEY, subdomain TEXT NOT NULL, kind TEXT NOT NULL, meeting TEXT NOT NULL,
    stem TEXT NOT NULL, date TEXT NOT NULL, body TEXT NOT NULL, title TEXT, sha256 TEXT, pages INTEGER NOT NULL,
    first_published TEXT NOT NULL, changed_at TEXT NOT NULL, UNIQUE (subdomain, kind, meeting, stem)
);
CREATE INDEX documents_by_date ON documents (subdomain, date);
CREATE INDEX documents_by_first_published ON documents (first_published);
CREATE TABLE pages (
    page_id INTEGER PRIMARY KEY, document_id INTEGER NOT NULL REFERENCES documents(document_id) ON DELETE CASCADE,
    page INTEGER NOT NULL, id TEXT NOT NULL, content_hash TEXT NOT NULL, text TEXT NOT NULL
);
CREATE UNIQUE INDEX pages_by_document ON pages (document_id, page);
CREATE VIRTUAL TABLE pages_fts USING fts5 (
    text, content='pages', content_rowid='page_id', tokenize='porter unicode61 remove_diacritics 2'
);
CREATE TRIGGER pages_inserted AFTER INSERT ON pages BEGIN
    INSERT INTO pages_fts (rowid, text) VALUES (new.page_id, new.text);
END;
CREATE TRIGGER pages_deleted AFTER DELETE ON pages BEGIN
    INSERT INTO pages_fts (pages_fts, rowid, text) VALUES ('delete', old.page_id, old.text);
END;
"""

_COLUMNS = """
SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c
WHERE t.type IN ('table', 'view') ORDER BY t.name, c.cid"""

#: The tables and views of a database, each with its columns.
Shape = dict[str, list[str]]

#: Large enough for a batch: SQLite then shuts readers out only for the length of a commit. A write-ahead log would not
#: shut them out at all, but a reader could not open it in a folder that is mounted for reading.
_CACHE = -65536  # KiB


@contextmanager
def index_connection(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the index in autocommit, and create its tables; one of another version or unreadable is made again, empty.

    Waits up to a minute for another process that writes.
    """
    if _is_unusable(path):
        for name in (path, path.with_name(f"{path.name}-journal")):
            name.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA cache_size = {_CACHE}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA recursive_triggers = ON")
        connection.execute("BEGIN IMMEDIATE")
        if not _version(connection):
            for statement in _statements(_TABLES):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {INDEX_VERSION}")
        connection.execute("COMMIT")
        yield connection


def shape_of(connection: sqlite3.Connection) -> Shape:
    """Return the tables and views of a database, each with its columns in order."""
    columns = connection.execute(_COLUMNS).fetchall()
    return {table: [name for _, name in group] for table, group in groupby(columns, lambda row: row[0])}


def _is_unusable(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        with closing(sqlite3.connect(path, timeout=60)) as connection:
            return _version(connection) not in (0, INDEX_VERSION)
    except sqlite3.OperationalError:
        raise  # locked, or out of reach: not a reason to delete it
    except sqlite3.DatabaseError:
        return True


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _statements(script: str) -> Iterator[str]:
    """Split a script; `executescript` would end the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
