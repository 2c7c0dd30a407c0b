"""The database: one engine a process, transactions, and the errors a person can act on."""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError

from clerk.application import part
from clerk.errors import DatabaseUnavailable, UsageError
from clerk.settings import settings

#: The errors of statements that are said to the driver itself.
_DRIVERS_OWN = (sqlite3.OperationalError, psycopg.OperationalError, psycopg.InterfaceError)

#: How long a connection waits for another writer, in seconds.
BUSY_TIMEOUT = 30

#: Whether this thread is inside `fence()`.
_FENCED: ContextVar[bool] = ContextVar("clerk_fenced", default=False)

#: A connection's note of the file that it was opened on.
_FILE = "clerk_file"

#: A server that vanished without a word is noticed within a minute, whether we wait for it to take or to answer.
_POSTGRES_WAITS = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}


def normalise_url(text: str) -> sa.URL:
    """Parse a database address; whatever driver it names for PostgreSQL, it gets the one that we install, psycopg 3."""
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        raise DatabaseUnavailable("DATABASE_URL is not a database address, such as sqlite:///civic.db") from None
    if url.get_backend_name() in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise DatabaseUnavailable(f"DATABASE_URL: {url.drivername} is not supported; use sqlite or postgresql")
    return url


def create_engine(address: str | sa.URL, *, durable: bool = True, migrating: bool = False) -> Engine:
    """Make an engine for a SQLite or PostgreSQL address.

    `durable` makes every SQLite commit survive a power loss; without it the last commits may be undone by
    one, which is right for a worker, whose jobs are then simply run again. `migrating` may make a SQLite file, and
    leaves its journal mode as it is, and foreign keys unchecked, since tables are rebuilt by dropping them.
    """
    url = normalise_url(address) if isinstance(address, str) else address
    if url.get_backend_name() == "postgresql":
        engine = sa.create_engine(url, pool_pre_ping=True, connect_args=_POSTGRES_WAITS)
        if not migrating:
            _bound_waits(engine)
        return engine
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT})
    if not migrating:
        _keep_to_the_file(engine)

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        if not migrating:
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        connection.execute(f"PRAGMA foreign_keys = {'OFF' if migrating else 'ON'}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # Taking the write lock at once, since a read lock cannot always be raised to one later.
        # Said to the driver itself: SQLAlchemy's own way costs as much as a job's other statements.
        options = connection.get_execution_options()
        if options.get("isolation_level") != "AUTOCOMMIT":
            connection.connection.cursor().execute("BEGIN" if options.get("reading") else "BEGIN IMMEDIATE")

    return engine


def _keep_to_the_file(engine: Engine) -> None:
    """Make no SQLite file, which `db upgrade` is there for, and stay with none that was replaced, say by a backup."""

    @event.listens_for(engine, "do_connect")
    def _refuse_missing_file(*_: Any) -> None:
        if file_of(engine) is None:
            raise DatabaseUnavailable(
                f"There is no database {engine.url.database}: run `clerk-tasks db upgrade`, or check DATABASE_URL."
            )

    @event.listens_for(engine, "connect")
    def _remember(_connection: sqlite3.Connection, record: Any) -> None:
        record.info[_FILE] = file_of(engine)

    @event.listens_for(engine, "checkout")
    def _refuse_replaced(_connection: sqlite3.Connection, record: Any, _proxy: Any) -> None:
        if record.info[_FILE] != file_of(engine):
            raise DisconnectionError


def file_of(engine: Engine) -> tuple[int, int] | str | None:
    """Return what identifies a SQLite engine's file, None if it is not there; the name of what is no plain path."""
    name = engine.url.database or ""
    if engine.dialect.name != "sqlite" or name in ("", ":memory:") or name.startswith("file:"):
        return name
    try:
        status = os.stat(name)  # noqa: PTH116 - asked before every statement, and Path is slow
    except OSError:
        return None
    return status.st_dev, status.st_ino


def is_replaced(connection: Connection) -> bool:
    """Return whether the SQLite file that a connection was opened on is no longer the one of that name."""
    return _FILE in connection.info and connection.info[_FILE] != file_of(connection.engine)


def _bound_waits(engine: Engine) -> None:
    """Have PostgreSQL end every wait: for a lock as SQLite does, and for a process that was stopped while it holds one.

    Such a process would keep everybody from its site's row for as long as it is stopped. It wakes up without its
    connection, and finds itself fenced off.
    """
    lease = settings().lease

    @event.listens_for(engine, "connect")
    def _configure(connection: psycopg.Connection[Any], _record: Any) -> None:
        connection.autocommit = True  # what is set in a transaction goes with it
        connection.execute(f"SET lock_timeout = '{BUSY_TIMEOUT}s'")
        connection.execute(f"SET idle_in_transaction_session_timeout = '{round(lease * 1000)}ms'")
        connection.autocommit = False


@part(close=Engine.dispose)
def engine() -> Engine:
    """Return this process's engine for DATABASE_URL."""
    return create_engine(settings().database_url)


@part
def _usable_engine() -> Engine:
    """Return this process's engine, having seen once that this code may use its database."""
    from clerk.database.schema_version import ensure_usable  # it builds on this module

    ensure_usable(engine())
    return engine()


@contextmanager
def transaction(on: Engine | None = None) -> Iterator[Connection]:
    """Open a write transaction: committed at the end of the block, rolled back by an exception.

    Raises UsageError inside `fence()`, whose own transaction it would wait for on SQLite.
    """
    if _FENCED.get():
        raise UsageError("Inside fence() nothing can be enqueued or written to civic.db: do it before or after.")
    target = on or _usable_engine()
    with unavailable_as_advice(target), target.begin() as connection:
        yield connection


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


def serialise(connection: Connection, what: str) -> None:
    """Wait until no other transaction is doing `what`, and keep it to ours until it ends.

    On SQLite a write transaction is that already.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(zlib.crc32(f"clerk:{what}".encode()))))


@contextmanager
def unavailable_as_advice(on: Engine | None = None) -> Iterator[None]:
    """Turn a lost, missing or unready database into DatabaseUnavailable, without the address's password."""
    try:
        yield
    except (OperationalError, InterfaceError, *_DRIVERS_OWN) as error:
        raise DatabaseUnavailable(_advice(error, on)) from error
    except (sa.exc.DatabaseError, sqlite3.Error, psycopg.Error) as error:
        if advice := _advice_on_contents(error, on):
            raise DatabaseUnavailable(advice) from error
        raise


def get_civic_db() -> Engine:
    """Return this process's engine, having reached the database once; DatabaseUnavailable, a RuntimeError, if not."""
    with unavailable_as_advice():
        engine().connect().close()
    return engine()


def civic_db_connection() -> AbstractContextManager[Connection]:
    """Open a write transaction, under the name that plugins use."""
    return transaction()


def _advice(error: Exception, on: Engine | None) -> str:
    if contents := _advice_on_contents(error, on):
        return contents
    if "database is locked" in _reason(error) or _sqlstate(error) == "55P03":
        return f"The database {_where(on)} stayed locked for {BUSY_TIMEOUT} s: another program is writing to it."
    if _sqlstate(error) in ("40P01", "40001"):
        return f"Another transaction in the database {_where(on)} was in the way of this one, now undone: run it again."
    if "disk is full" in _reason(error) or _sqlstate(error) == "53100":
        return f"The disk is full under the database {_where(on)}: make room, and run it again."
    return f"Cannot connect to database: {_where(on)}: {_reason(error)}. Check DATABASE_URL."


def _advice_on_contents(error: Exception, on: Engine | None) -> str | None:
    reason, state = _reason(error), _sqlstate(error)
    if state == "25P03":
        return f"The database {_where(on)} ended a transaction that stood still for longer than CLERK_LEASE."
    if "no such table" in reason or state == "42P01":
        return f"The database {_where(on)} lacks tables: run `clerk-tasks db upgrade`."
    if "no such column" in reason or state == "42703":
        return f"The database {_where(on)} lacks columns: run `clerk-tasks db upgrade`."
    if "invalid connection option" in reason:
        return f"DATABASE_URL: {reason}"
    if "file is not a database" in reason or "image is malformed" in reason:
        return f"The database {_where(on)} is damaged or no database: {reason}. Check DATABASE_URL, restore a backup."
    return None


def _drivers(error: Exception) -> BaseException:
    """Return the driver's own error."""
    return (error.orig or error) if isinstance(error, DBAPIError) else error


def _sqlstate(error: Exception) -> str | None:
    return getattr(_drivers(error), "sqlstate", None)


def _reason(error: Exception) -> str:
    lines = str(_drivers(error)).strip().splitlines()
    return lines[0] if lines else type(_drivers(error)).__name__


def _where(on: Engine | None) -> str:
    return (on or engine()).url.render_as_string(hide_password=True)
