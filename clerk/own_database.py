"""A plugin's own SQLite database: its tables, with versions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from clerk.errors import ClerkError
from clerk.private import open_private


@contextmanager
def own_database(path: Path, versions: Sequence[str]) -> Iterator[sqlite3.Connection]:
    """Open a plugin's own database in a write transaction: committed at the end of the block, undone if it raises.

    `versions` are scripts of SQL; number n brings the tables from version n to n + 1, each is run once, and one that
    fails changes nothing. To change tables, add a script; never edit one that was released. Two processes may open it
    at once: one waits up to 30 s for the other. Raises ClerkError if the file is of a newer version than the code.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        open_private(path).close()  # who may read it could lock it
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN IMMEDIATE")
        try:
            _upgrade(connection, path, versions)
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _upgrade(connection: sqlite3.Connection, path: Path, versions: Sequence[str]) -> None:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > len(versions):
        raise ClerkError(f"{path} has version {found}, and this plugin knows {len(versions)}: install a newer plugin")
    for script in versions[found:]:
        for statement in _statements(script):
            connection.execute(statement)
    if found < len(versions):
        connection.execute(f"PRAGMA user_version = {len(versions)}")


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script one by one: sqlite3's own way would commit before them."""
    statement = ""
    for part in script.split(";"):
        statement += f"{part};"
        if sqlite3.complete_statement(statement):  # else the semicolon is in a text, a comment or a trigger
            yield statement
            statement = ""
    if statement.strip("; \n"):
        yield statement
