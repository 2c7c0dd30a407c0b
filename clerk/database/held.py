"""A connection that is kept, for a process that makes one short transaction after another."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn
from weakref import WeakSet

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InvalidRequestError

from clerk.application import part
from clerk.database.advice import as_unavailable
from clerk.database.engine import file_of
from clerk.errors import ClerkError, DatabaseUnavailable

#: How long a thread waits for its turn at a courtesy, in seconds.
SHORTLY = 1.0


class HeldConnection:
    """One connection of an engine, opened at the first use and again after the database was lost.

    Threads use it one after the other: a job's thread may say how far it is while the job waits for it.

    SQLAlchemy stays out of transactions, and they are begun and ended in one word each: that halves the
    cost of a short one.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._begin = "BEGIN IMMEDIATE" if engine.dialect.name == "sqlite" else "BEGIN"
        self._connection: Connection | None = None
        self._file: object = None  # what the connection was opened on, where that is a file
        self._begun: Connection | None = None
        self._lock = threading.RLock()
        self.pid = os.getpid()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open a write transaction: committed at the end of the block, rolled back by an exception.

        Inside another of its thread it is a part of that: a job may say how far it is while it holds its fence.
        """
        with self._lock:
            if self._begun is not None:
                self._check_begun()
                yield self._begun
                return
            try:
                self._begun = connection = self._open()
                try:
                    self._say(self._begin)
                    yield connection
                    self._check_begun()
                    self._say("COMMIT")
                except BaseException:
                    self._roll_back()
                    raise
                finally:
                    self._begun = None
            except Exception as error:
                self._raise(error)

    @contextmanager
    def statement(self) -> Iterator[Connection]:
        """Give the connection to one statement, which is a transaction by itself."""
        with self._lock:
            try:
                if self._begun is not None:
                    self._check_begun()
                    yield self._begun
                else:
                    yield self._open()
            except Exception as error:
                self._raise(error)

    def _check_begun(self) -> None:
        """Raise DatabaseUnavailable if the connection was lost in a transaction, whose locks are gone with it."""
        if self._connection is None or file_of(self.engine) != self._file:
            raise DatabaseUnavailable("The database was lost in the middle of a transaction, which is undone.")

    def _open(self) -> Connection:
        """Return the connection; open it if it is not open, or if its file was replaced."""
        if os.getpid() != self.pid:
            raise ClerkError("A forked copy of a process cannot use its database connection: leave that to the parent.")
        file = file_of(self.engine)
        if self._connection is not None and file != self._file:
            self.close()
        if self._connection is None:
            self._file = file
            self._connection = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        return self._connection

    def _raise(self, error: Exception) -> NoReturn:
        """Raise an error that left a block; what says that the database is away ends the connection."""
        if isinstance(error, DatabaseUnavailable):
            self.close()
            raise error
        if (unavailable := as_unavailable(error, self.engine)) is not None:
            self.close()
            raise unavailable from error
        raise error

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Wait shortly for the connection; say whether this thread has it, or another is inside its transaction."""
        has_it = self._lock.acquire(timeout=SHORTLY)
        try:
            yield has_it
        finally:
            if has_it:
                self._lock.release()

    def _roll_back(self) -> None:
        if self._connection is None:  # lost, and the transaction with it
            return
        try:
            self._say("ROLLBACK")
        except (self.engine.dialect.loaded_dbapi.Error, InvalidRequestError):
            self.close()

    def _say(self, word: str) -> None:
        assert self._connection is not None, "only said inside statement()"  # noqa: S101
        driver = self._connection.connection.dbapi_connection
        assert driver is not None, "a connection that is open has one"  # noqa: S101
        driver.cursor().execute(word)

    def close(self) -> None:
        """Give the connection up; the next transaction opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()


class _OwnConnections:
    """One held connection for each thread that has asked for one."""

    def __init__(self) -> None:
        self._by_thread = threading.local()
        self._all: WeakSet[HeldConnection] = WeakSet()

    def of(self, engine: Engine) -> HeldConnection:
        held: HeldConnection | None = getattr(self._by_thread, "held", None)
        if held is not None and held.engine is engine and held.pid == os.getpid():
            return held
        if held is not None and held.pid == os.getpid():
            held.close()
        self._by_thread.held = held = HeldConnection(engine)
        self._all.add(held)
        return held

    def close(self) -> None:
        for held in self._all:
            if held.pid == os.getpid():
                held.close()


@part(close=_OwnConnections.close)
def _own_connections() -> _OwnConnections:
    return _OwnConnections()


def own_connection(engine: Engine) -> HeldConnection:
    """Return this thread's held connection of an engine, for what it does often and in short transactions."""
    return _own_connections().of(engine)
