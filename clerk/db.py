"""The database: one engine a process, transactions, and the errors a person can act on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from clerk.errors import DatabaseUnavailable
from clerk.settings import settings

#: How long a SQLite connection waits for another writer, in seconds.
BUSY_TIMEOUT = 30


def normalise_url(text: str) -> sa.URL:
    """Parse a database address; bare PostgreSQL names get the driver that we install, psycopg 3."""
    try:
        url = sa.make_url(text)
    except sa.exc.ArgumentError:
        raise DatabaseUnavailable("DATABASE_URL is not a database address, such as sqlite:///civic.db") from None
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise DatabaseUnavailable(f"DATABASE_URL: {url.drivername} is not supported; use sqlite or postgresql")
    return url


def create_engine(address: str | sa.URL, *, durable: bool = True) -> Engine:
    """Make an engine for a SQLite or PostgreSQL address.

    `durable` makes every SQLite commit survive a power loss; without it the last commits may be undone by
    one, which is right for a worker, whose jobs are then simply run again.
    """
    url = normalise_url(address) if isinstance(address, str) else address
    if url.get_backend_name() == "postgresql":
        return sa.create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 10})
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT})

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # Taking the write lock at once, since a read lock cannot always be raised to one later.
        connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get("reading") else "BEGIN IMMEDIATE")

    return engine


@lru_cache(maxsize=1)
def engine() -> Engine:
    """Return this process's engine for DATABASE_URL."""
    return create_engine(settings().database_url)


@contextmanager
def transaction(on: Engine | None = None) -> Iterator[Connection]:
    """Open a write transaction: committed at the end of the block, rolled back by an exception."""
    with unavailable_as_advice(), (on or engine()).begin() as connection:
        yield connection


@contextmanager
def reading(on: Engine | None = None) -> Iterator[Connection]:
    """Open a transaction that only reads: it sees one moment, and waits for no writer."""
    with unavailable_as_advice(), (on or engine()).connect().execution_options(reading=True) as connection:
        yield connection


@contextmanager
def unavailable_as_advice() -> Iterator[None]:
    """Turn a lost or missing database into DatabaseUnavailable, without the address's password."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise DatabaseUnavailable(_advice(error)) from error


def _advice(error: DBAPIError) -> str:
    reason = str(error.orig).strip().splitlines()[0] if error.orig else str(error)
    where = normalise_url(settings().database_url).render_as_string(hide_password=True)
    if "no such table" in reason:
        return f"The database {where} has no tables yet: run `clerk-tasks db upgrade`."
    return f"Cannot connect to database: {where}: {reason}. Check DATABASE_URL."
