"""Whether the database has changed, asked on one connection: a number that differs after a change."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from clerk.database.engine import engine

#: SQLite: a number that differs once another connection has committed. PostgreSQL: where its log is written, which a
#: server in recovery only replays. Neither touches a table.
_QUESTIONS = {
    "sqlite": text("PRAGMA data_version"),
    "postgresql": text(
        "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END"
    ),
}


class Signal:
    """The change signal; not safe for two threads at a time."""

    def __init__(self) -> None:
        self._connection: Connection | None = None

    def read(self) -> Any:
        """Return the number; None if the database cannot be reached."""
        try:
            if self._connection is None:
                self._connection = engine().connect().execution_options(isolation_level="AUTOCOMMIT")
            return self._connection.execute(_QUESTIONS[self._connection.dialect.name]).scalar()
        except (DBAPIError, OSError):
            self.close()
            return None

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            with suppress(DBAPIError):
                self._connection.invalidate()
                self._connection.close()
            self._connection = None
