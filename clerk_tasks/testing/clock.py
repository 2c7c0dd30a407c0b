"""The database's clock in a test: it goes on from where the test puts it."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, event
from sqlalchemy.pool import ConnectionPoolEntry

from clerk.database.clock import database_time
from clerk.database.transactions import reading
from clerk.errors import UsageError


class DatabaseClock:
    """How far the database's clock is ahead of the real one, on every connection of an engine; SQLite only.

    Leases, retries, delays, pauses, rates and schedules go by this clock. Python's own clocks are as they were.
    """

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> datetime:
        """Return what the clock says, in UTC."""
        with reading() as connection:
            return database_time(connection)

    def advance(self, **span: float) -> None:
        """Put the clock forward, by the arguments of a timedelta: `advance(hours=2)`."""
        self._ahead += timedelta(**span).total_seconds()

    def set(self, moment: datetime | str) -> None:
        """Put the clock to a moment, an ISO date or time if it is text; UTC if it names no zone."""
        wanted = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
        wanted = wanted if wanted.tzinfo else wanted.replace(tzinfo=UTC)
        self._ahead += (wanted - self.now()).total_seconds()

    def govern(self, engine: Engine) -> None:
        """Make this the clock of the connections that an engine opens from now on."""
        if engine.dialect.name != "sqlite":
            raise UsageError("the clock of a test is that of a SQLite database")
        event.listen(engine, "connect", self._take_over)
        event.listen(engine, "close", lambda _, record: record.info.pop(self).close())

    def _take_over(self, connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        connection.execute("PRAGMA synchronous = OFF")  # the file is a test's
        plain = sqlite3.connect(":memory:", check_same_thread=False)
        record.info[self] = plain

        def strftime(form: str, moment: str, *modifiers: str) -> str | None:
            if moment == "now" and self._ahead:
                modifiers = (f"{self._ahead} seconds", *modifiers)
            places = ", ?" * len(modifiers)
            (found,) = plain.execute(f"SELECT strftime(?, ?{places})", (form, moment, *modifiers)).fetchone()
            return None if found is None else str(found)

        connection.create_function("strftime", -1, strftime)
