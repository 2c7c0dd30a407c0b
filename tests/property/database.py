"""A database that breaks on request: before any statement of a transaction, or between its commit and the answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy import Connection, event

from clerk.database.engine import create_engine
from clerk.database.held import HeldConnection
from clerk.database.tables import attempts_table, jobs_table, runs_table, stages_table

LEDGER = (attempts_table, jobs_table, stages_table, runs_table)  # children first


class Crash(Exception):
    """The process is killed here."""


class FragileDatabase:
    """Transactions of a worker's held connection, which a test may break at every word said to the driver."""

    def __init__(self, url: str) -> None:
        self.engine = create_engine(url, durable=False)
        self._statements = 0
        self._crash_before: int | None = None
        self._lose_answer: str | None = None  # of a statement that begins so
        event.listen(self.engine, "do_connect", self._watch)
        self._held = HeldConnection(self.engine)

    @contextmanager
    def transaction(self, *, crash_before: int | None = None, lose_answer: bool = False) -> Iterator[Connection]:
        """Open a transaction that breaks before its n-th statement (BEGIN is 0), or after its COMMIT."""
        self._statements, self._crash_before = 0, crash_before
        self.lose_answer("COMMIT" if lose_answer else None)
        try:
            with self._held.transaction() as connection:
                yield connection
        finally:
            self._crash_before, self._lose_answer = None, None

    def lose_answer(self, statement: str | None) -> None:
        """Break after any statement that begins so, once it is done; None: no more."""
        self._lose_answer = statement

    def empty(self) -> None:
        """Delete everything in the ledger."""
        with self.transaction() as connection:
            for table in LEDGER:
                connection.execute(sa.delete(table))

    def close(self) -> None:
        """Let go of the database."""
        self._held.close()
        self.engine.dispose()

    def said(self, statement: str, say: Callable[[], Any]) -> Any:
        """Say one statement to the driver, and break if it is time to."""
        if self._crash_before == self._statements and statement != "ROLLBACK":
            raise Crash
        self._statements += 1
        answer = say()
        if self._lose_answer and statement.startswith(self._lose_answer):
            raise Crash
        return answer

    def _watch(self, dialect: sa.Dialect, _record: object, _arguments: object, options: dict[str, Any]) -> None:
        if dialect.name == "sqlite":
            options["factory"] = _sqlite_connection(self)
        else:
            options["cursor_factory"] = _postgres_cursor(self)


def _sqlite_connection(database: FragileDatabase) -> type[sqlite3.Connection]:
    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, parameters: Any = ()) -> Any:
            return database.said(sql, lambda: super(Cursor, self).execute(sql, parameters))

        def executemany(self, sql: str, parameters: Any) -> Any:
            return database.said(sql, lambda: super(Cursor, self).executemany(sql, parameters))

    class Watched(sqlite3.Connection):
        def cursor(self, factory: Any = Cursor) -> Any:
            return super().cursor(factory)

    return Watched


def _postgres_cursor(database: FragileDatabase) -> type[psycopg.Cursor[Any]]:
    class Cursor(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            return database.said(query, lambda: super(Cursor, self).execute(query, params, **options))

        def executemany(self, query: Any, params_seq: Any, **options: Any) -> Any:
            return database.said(query, lambda: super(Cursor, self).executemany(query, params_seq, **options))

    return Cursor
