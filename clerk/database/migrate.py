"""Upgrading the database and taking it back: in one transaction, after a backup, by one process at a time."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine

import migrations
from clerk.database.advice import unavailable_as_advice
from clerk.database.backup import back_up
from clerk.database.engine import create_engine, file_of
from clerk.database.schema_version import GENERATION, HEAD, REVISIONS, SchemaStamp, read_stamp, shown
from clerk.database.tables import clerk_meta_table
from clerk.database.transactions import serialise
from clerk.errors import ClerkError, DatabaseUnavailable, UsageError
from clerk.private import open_private
from clerk.settings import settings
from migrations.comparison import OPTIONS


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What an upgrade did, or a downgrade; `applied` is empty when there was nothing to do."""

    database: str
    before: str | None
    after: str
    applied: tuple[str, ...]
    backup: Path | None


@dataclass(frozen=True, slots=True)
class Step:
    """A revision of the chain."""

    revision: str
    follows: str | None
    summary: str


def upgrade(address: str | sa.URL | None = None, *, to: str = HEAD) -> Upgraded:
    """Bring a database (by default DATABASE_URL's) to a revision; a SQLite file is backed up before it is changed.

    Anything from an empty database to one at any revision, half migrated or never stamped, is taken as it is.
    Raises DatabaseUnavailable at a revision that this code does not know. Nothing is changed by an upgrade that fails.
    """
    with _migrating(address) as engine:
        if engine.dialect.name == "sqlite" and engine.url.database and file_of(engine) is None:
            with suppress(OSError):  # SQLite says what is wrong
                open_private(Path(engine.url.database)).close()
        with engine.connect() as connection:
            serialise(connection, "migrate")
            stamp = read_stamp(connection)
            pending = _pending(connection, stamp, to)
            changes = bool(pending) or stamp.lost
            backup = _back_up(connection, stamp) if changes else None
            if changes:
                _apply(connection, stamp, to, backup)
        if changes and engine.dialect.name == "sqlite":
            _settle_journal(engine)
        return Upgraded(shown(engine), stamp.revision, to if pending else str(stamp.reached), pending, backup)


def downgrade(to: str, address: str | sa.URL | None = None) -> Upgraded:
    """Take a database back to an earlier revision, or "base"; a SQLite file is backed up before it is changed.

    Raises ClerkError, with nothing changed, at the first migration that cannot be undone without losing data, and
    UsageError for a revision that is unknown or later than the database's.
    """
    places = {"base": 0, **{revision: place for place, revision in enumerate(REVISIONS, start=1)}}
    if to not in places:
        raise UsageError(
            f"There is no revision {to}; `clerk-tasks db history` lists them, and `base` is an empty database."
        )
    with _migrating(address) as engine, engine.connect() as connection:
        serialise(connection, "migrate")
        stamp = read_stamp(connection)
        if stamp.revision not in REVISIONS:
            raise DatabaseUnavailable(f"The database {shown(engine)} {stamp.problem()} Nothing was changed.")
        if places[to] > places[stamp.revision]:
            raise UsageError(f"The database is at {stamp.revision}, before {to}: run `clerk-tasks db upgrade`.")
        undone = REVISIONS[places[to] : places[stamp.revision]][::-1]
        backup = _back_up(connection, stamp) if undone else None
        if undone:
            _undo(connection, to, places[to], backup)
        return Upgraded(shown(engine), stamp.revision, to, undone, backup)


def current(address: str | sa.URL | None = None) -> SchemaStamp:
    """Return what a database says of itself, without changing it."""
    with _looking(address) as connection:
        return read_stamp(connection) if connection else SchemaStamp(None, None, None)


def history() -> list[Step]:
    """Return the chain, oldest first."""
    scripts = ScriptDirectory.from_config(alembic_config())
    steps = [scripts.get_revision(revision) for revision in REVISIONS]
    return [Step(step.revision, before, step.doc) for step, before in zip(steps, (None, *REVISIONS), strict=False)]


def check(address: str | sa.URL | None = None) -> list[str]:
    """Return what is wrong with a database, one line each: its revision, or tables that differ from the model."""
    with _looking(address) as connection:
        stamp = read_stamp(connection) if connection else SchemaStamp(None, None, None)
        if problem := stamp.problem():
            return [f"The database {shown(address or settings().database_url)} {problem}"]
        return differences(connection) if connection and not stamp.newer else []


def differences(connection: Connection) -> list[str]:
    """Return how the tables differ from the model, one line each."""
    context = MigrationContext.configure(connection, opts=OPTIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sa.exc.SAWarning)  # of others' indexes that SQLAlchemy cannot express
        return [_line(found) for found in compare_metadata(context, OPTIONS["target_metadata"])]


def _line(found: Any) -> str:
    # Alembic gives one tuple (what, ...), or a list of them where a column differs in several ways; details are dicts.
    changes = found if isinstance(found, list) else [found]
    return "; ".join(" ".join(str(it) for it in change if not isinstance(it, dict | None)) for change in changes)


def _pending(connection: Connection, stamp: SchemaStamp, to: str) -> tuple[str, ...]:
    """Return the revisions still to be applied; refuse a database that is not ours."""
    if stamp.reached is None:
        _refuse_foreign_sites(connection)
        return REVISIONS[: REVISIONS.index(to) + 1]
    if stamp.reached in REVISIONS:
        return REVISIONS[REVISIONS.index(stamp.reached) + 1 : REVISIONS.index(to) + 1]
    if stamp.newer:
        return ()
    raise DatabaseUnavailable(f"The database {shown(connection.engine)} {stamp.problem()} Nothing was changed.")


def _refuse_foreign_sites(connection: Connection) -> None:
    inspector = sa.inspect(connection)
    if inspector.has_table("sites") and "subdomain" not in {c["name"] for c in inspector.get_columns("sites")}:
        raise DatabaseUnavailable(
            f"The database {shown(connection.engine)} holds a table `sites` of another program. Check DATABASE_URL."
        )


def _back_up(connection: Connection, stamp: SchemaStamp) -> Path | None:
    name = connection.engine.url.database
    if connection.dialect.name != "sqlite" or not name or not sa.inspect(connection).get_table_names():
        return None
    return back_up(Path(name), stamp.revision or "unversioned")


def _undo(connection: Connection, to: str, generation: int, backup: Path | None) -> None:
    config = alembic_config()
    config.attributes["connection"] = connection
    try:
        command.downgrade(config, to)
        if sa.inspect(connection).has_table(clerk_meta_table.name):
            _record_generation(connection, generation)
        connection.commit()
    except (ClerkError, sa.exc.SQLAlchemyError) as error:
        connection.rollback()
        if backup:
            backup.unlink()
        if isinstance(error, ClerkError):
            raise
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise ClerkError(f"Downgrading {shown(connection.engine)} failed, nothing was changed: {reason}") from error


def _apply(connection: Connection, stamp: SchemaStamp, to: str, backup: Path | None) -> None:
    config = alembic_config()
    config.attributes["connection"] = connection
    try:
        if stamp.lost:
            command.stamp(config, str(stamp.reached))
        command.upgrade(config, to)
        if to == HEAD:
            _record_generation(connection)
        connection.commit()
    except (sa.exc.SQLAlchemyError, CommandError) as error:
        if getattr(error, "connection_invalidated", False):
            raise  # a database that hangs up does not say whether it has committed
        if backup:
            backup.unlink()
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise ClerkError(f"Upgrading {shown(connection.engine)} failed, nothing was changed: {reason}") from error


def _record_generation(connection: Connection, generation: int = GENERATION) -> None:
    connection.execute(clerk_meta_table.delete().where(clerk_meta_table.c.key == "generation"))
    connection.execute(clerk_meta_table.insert().values(key="generation", value=str(generation)))


def _settle_journal(migrating: Engine) -> None:
    """Open one ordinary connection, which turns on SQLite's write-ahead log before any other is there."""
    ordinary = create_engine(migrating.url)
    ordinary.connect().close()
    ordinary.dispose()


@contextmanager
def _migrating(address: str | sa.URL | None) -> Iterator[Engine]:
    engine = create_engine(address or settings().database_url, migrating=True)
    try:
        with unavailable_as_advice(engine):
            yield engine
    finally:
        engine.dispose()


@contextmanager
def _looking(address: str | sa.URL | None) -> Iterator[Connection | None]:
    """Open a database to look at; None if it is a SQLite file that does not exist, which looking would create."""
    with _migrating(address) as engine:
        if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").exists():
            yield None
        else:
            with engine.connect().execution_options(reading=True) as connection:
                yield connection


def alembic_config() -> Config:
    """Return what Alembic's own commands need; they expect a connection in its attributes."""
    config = Config(stdout=sys.stdout)  # whose default is what stdout was when Alembic was imported
    folder = str(Path(str(migrations.__file__)).parent)
    config.set_main_option("script_location", folder.replace("%", "%%"))
    return config
