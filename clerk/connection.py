"""A connection that is kept, for a process that makes one short transaction after another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from clerk.db import unavailable_as_advice
from clerk.errors import DatabaseUnavailable


class HeldConnection:
    """One connection of an engine, opened at the first use and again after the database was lost; for one thread."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._connection: Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open a write transaction: committed at the end of the block, rolled back by an exception."""
        try:
            with unavailable_as_advice(self.engine):
                if self._connection is None:
                    self._connection = self.engine.connect()
                with self._connection.begin():
                    yield self._connection
        except DatabaseUnavailable:
            self.close()
            raise

    def close(self) -> None:
        """Give the connection back; the next transaction opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()
