"""Transactions: write, read, and the locks and fences around them."""

from __future__ import annotations

import math
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from clerk.application import part
from clerk.database.advice import unavailable_as_advice
from clerk.database.engine import engine
from clerk.database.held import HeldConnection, own_connection
from clerk.database.schema_version import ensure_usable
from clerk.errors import AnswerLost, ClerkError, DatabaseUnavailable, UsageError

#: Whether this thread is inside `fence()`.
_FENCED: ContextVar[bool] = ContextVar("clerk_fenced", default=False)
#: A transaction on SQLite that took longer gives way to others before the next of its thread, in seconds.
_LONG = 0.005
#: How long it gives way at most, in seconds: a connection that waits for SQLite's lock looks every 0.1 s.
_GAP = 0.1


class _Lock(threading.local):
    """When this thread may take SQLite's write lock again, by the monotonic clock.

    SQLite has no queue for its lock: a thread that takes it again at once, thousands of times, keeps out all others,
    the workers' claims and leases among them.
    """

    free_at = 0.0

    def released(self, held: float) -> None:
        """Note that it was held for so many seconds: `give_way` now lasts as long, up to _GAP."""
        if held > _LONG:
            self.free_at = time.monotonic() + min(held, _GAP)

    def give_way(self) -> None:
        """Leave the lock to others for a moment, if this thread had it for long just now."""
        if (rest := self.free_at - time.monotonic()) > 0:
            time.sleep(rest)


_lock = _Lock()


@part
def _usable_engine() -> Engine:
    """Return this process's engine, having seen once that this code may use its database."""
    ensure_usable(engine())
    return engine()


@contextmanager
def transaction(on: Engine | None = None) -> Iterator[Connection]:
    """Open a write transaction: committed at the end of the block, rolled back by an exception.

    After a long one on SQLite, the next of this thread begins a moment later: others may be waiting to write. Raises
    UsageError inside `fence()`, whose own transaction it would wait for on SQLite.
    """
    _refuse_inside_fence()
    target = on or _usable_engine()
    _lock.give_way()
    began, done = math.inf, False
    try:
        with unavailable_as_advice(target), target.begin() as connection:
            began = time.monotonic()
            yield connection
            done = True
    except DatabaseUnavailable as error:
        if done and getattr(error.__cause__, "connection_invalidated", False):
            raise AnswerLost(error) from error
        raise
    finally:
        if target.dialect.name == "sqlite":
            _lock.released(time.monotonic() - began)


def own_transactions() -> HeldConnection:
    """Return this thread's held connection, for short write transactions; UsageError inside `fence()`."""
    _refuse_inside_fence()
    return own_connection(_usable_engine())


def _refuse_inside_fence() -> None:
    if _FENCED.get():
        raise UsageError("Inside fence() nothing can be enqueued or written to civic.db: do it before or after.")


@contextmanager
def fenced() -> Iterator[None]:
    """Refuse write transactions of this thread for the length of a with block."""
    token = _FENCED.set(True)
    try:
        yield
    finally:
        _FENCED.reset(token)


@contextmanager
def reading(on: Engine | None = None) -> Iterator[Connection]:
    """Open a transaction that only reads: it sees one moment, and waits for no writer."""
    target = on or _usable_engine()
    with unavailable_as_advice(target), target.connect().execution_options(reading=True) as connection:
        yield connection


@contextmanager
def reading_only() -> Iterator[Connection]:
    """Open a transaction for a plugin's code, which may only read: a write is an error of the plugin, not lost."""
    with reading() as connection:
        on_sqlite = connection.dialect.name == "sqlite"
        connection.exec_driver_sql("PRAGMA query_only = ON" if on_sqlite else "SET TRANSACTION READ ONLY")
        try:
            yield connection
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            raise ClerkError(f"it may only read: {error.orig}") from error
        finally:
            if on_sqlite:
                connection.exec_driver_sql("PRAGMA query_only = OFF")


def serialise(connection: Connection, what: str) -> None:
    """Wait until no other transaction is doing `what`, and keep it to ours until it ends.

    On SQLite a write transaction is that already.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(lock_of(what))))


def lock_of(what: str) -> int:
    """Return the number of the advisory lock of PostgreSQL that `serialise` takes."""
    return zlib.crc32(f"clerk:{what}".encode())


@contextmanager
def get_db() -> Iterator[Connection]:
    """Open a connection; its user commits, and what is not committed is rolled back at the end of the block."""
    _refuse_inside_fence()
    target = _usable_engine()
    with unavailable_as_advice(target), target.connect() as connection:
        yield connection


def get_civic_db() -> Engine:
    """Return this process's engine, having reached the database once; DatabaseUnavailable, a RuntimeError, if not."""
    with unavailable_as_advice():
        engine().connect().close()
    return engine()


#: The name that plugins use.
civic_db_connection = transaction
