"""A plugin's own database has versions."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from clerk.errors import ClerkError
from clerk.own_database import own_database

FIRST = "CREATE TABLE seen (url TEXT PRIMARY KEY); CREATE INDEX by_url\nON seen (url);"
SECOND = "ALTER TABLE seen ADD COLUMN at TEXT DEFAULT 'never; ever'"


def test_tables_grow_from_version_to_version_and_keep_their_rows(tmp_path: Path) -> None:
    path = tmp_path / "own" / "letters.db"
    with own_database(path, [FIRST]) as connection:
        connection.execute("INSERT INTO seen VALUES ('a')")
    for _ in range(2):
        with own_database(path, [FIRST, SECOND]) as connection:
            assert connection.execute("SELECT * FROM seen").fetchall() == [("a", "never; ever")]
    with pytest.raises(ClerkError, match="has version 2, and this plugin knows 1"), own_database(path, [FIRST]):
        pass


def test_a_script_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "letters.db"
    with pytest.raises(sqlite3.OperationalError), own_database(path, [FIRST, "CREATE TABLE b (x);\nCREATE nonsense;"]):
        pass
    with own_database(path, [FIRST]) as connection:
        assert [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")] == [
            "seen"
        ]


def test_a_block_that_raises_is_undone(tmp_path: Path) -> None:
    path = tmp_path / "letters.db"
    with own_database(path, [FIRST]):
        pass

    def fail() -> None:
        with own_database(path, [FIRST]) as connection:
            connection.execute("INSERT INTO seen VALUES ('a')")
            raise OSError("the disk")

    with pytest.raises(OSError, match="the disk"):
        fail()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM seen").fetchone() == (0,)
