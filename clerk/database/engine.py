"""The database: one engine a process, transactions, and the errors a person can act on."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DisconnectionError

from clerk.application import part
from clerk.database.lenient import parse_json
from clerk.errors import DatabaseUnavailable
from clerk.redaction import redact
from clerk.settings import settings

if TYPE_CHECKING:
    import psycopg

#: How long a connection waits for another writer, in seconds.
BUSY_TIMEOUT = 30

#: How long SQLite's write-ahead log grows before a commit moves it to the file, which waits for the disk twice. In
#: pages of 4 kB: at SQLite's own 1 000 that is every 150 jobs, and took a third of their time.
WAL_PAGES = 10_000

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
        waits: dict[str, Any] = _POSTGRES_WAITS if migrating else _POSTGRES_WAITS | {"options": _bounded_waits(url)}
        engine = sa.create_engine(url, pool_pre_ping=True, connect_args=waits)
        event.listen(engine, "connect", _prepare_nothing_behind_a_pooler)
        return engine
    # SQLite keeps any text in a JSON column: a row that holds something else must not hide the others.
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT}, json_deserializer=parse_json)
    if not migrating:
        _keep_to_the_file(engine)

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        if not migrating:
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        connection.execute(f"PRAGMA foreign_keys = {'OFF' if migrating else 'ON'}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # Taking the write lock at once, since a read lock cannot always be raised to one later.
        # Said to the driver itself: SQLAlchemy's own way costs as much as a job's other statements.
        options = connection.get_execution_options()
        if options.get("isolation_level") != "AUTOCOMMIT":
            connection.connection.cursor().execute("BEGIN" if options.get("reading") else "BEGIN IMMEDIATE")

    return engine


def _prepare_nothing_behind_a_pooler(connection: psycopg.Connection, _record: Any) -> None:
    """Find out whether a pooler, such as pgbouncer, stands between us and the server: its process ids are not theirs.

    In transaction mode each transaction may get another server connection, which does not know what we prepared.
    """
    found = connection.execute("SELECT pg_backend_pid()").fetchone()
    connection.rollback()
    if found != (connection.info.backend_pid,):
        connection.prepare_threshold = None


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


def _bounded_waits(url: sa.URL) -> str:
    """Return startup options that limit PostgreSQL's waits: for a lock, as SQLite does, for a stopped process, for JIT.

    A process that is stopped while it holds a lock would block its site's row for as long. When it wakes up, its
    connection is gone and its attempt is fenced off. Startup options hold behind a pooler too, where SET does not.
    """
    waits = {"lock_timeout": f"{BUSY_TIMEOUT}s"}
    # PostgreSQL may take a short statement for a long one, on tables that it has not analysed yet, and compile it for
    # 300 ms.
    waits["jit"] = "off"
    waits["idle_in_transaction_session_timeout"] = f"{round(settings().lease * 1000)}ms"
    given = url.query.get("options")
    theirs = [given] if isinstance(given, str) else list(given or ())
    return " ".join([*(f"-c {name}={value}" for name, value in waits.items()), *theirs])


def show_address(url: sa.URL) -> str:
    """Return a database's address without its passwords, those of its arguments too."""
    return redact(url.render_as_string(hide_password=True))


@part(close=Engine.dispose)
def engine() -> Engine:
    """Return this process's engine for DATABASE_URL."""
    return create_engine(settings().database_url)
