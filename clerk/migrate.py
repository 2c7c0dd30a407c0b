"""Upgrading the database: the whole chain in one transaction, after a backup, by one process at a time."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from clerk.db import create_engine, serialise, unavailable_as_advice
from clerk.errors import ClerkError, DatabaseUnavailable
from clerk.models import clerk_meta_table
from clerk.schema_version import GENERATION, HEAD, REVISIONS, Stamp, read_stamp
from clerk.settings import settings

if TYPE_CHECKING:
    from alembic.config import Config


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What an upgrade did; `applied` is empty when there was nothing to do."""

    database: str
    before: str | None
    after: str
    applied: tuple[str, ...]
    backup: Path | None


def upgrade(address: str | sa.URL | None = None, *, to: str = HEAD) -> Upgraded:
    """Bring a database (by default DATABASE_URL's) to a revision; a SQLite file is backed up before it is changed.

    Anything from an empty database to one at any revision, half migrated or never stamped, is taken as it is.
    Raises DatabaseUnavailable at a revision that this code does not know. Nothing is changed by an upgrade that fails.
    """
    with _migrating(address) as engine:
        with engine.begin() as connection:
            serialise(connection, "migrate")
            stamp = read_stamp(connection)
            pending = _pending(connection, stamp, to)
            backup = _back_up(connection, stamp) if pending else None
            if pending:
                _apply(connection, to, backup)
        if pending and engine.dialect.name == "sqlite":
            _use_write_ahead_log(engine)
        after = to if pending else str(stamp.revision)
        return Upgraded(_shown(engine), stamp.revision, after, pending, backup)


def current(address: str | sa.URL | None = None) -> Stamp:
    """Return what a database says of itself, without changing it."""
    with _migrating(address) as engine, engine.connect() as connection:
        return read_stamp(connection)


@dataclass(frozen=True, slots=True)
class Revision:
    """A step of the chain."""

    id: str
    follows: str | None
    summary: str


def history() -> list[Revision]:
    """Return the chain, oldest first."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_config())
    steps = reversed(list(scripts.walk_revisions()))
    return [Revision(step.revision, _only(step.down_revision), step.doc.splitlines()[0]) for step in steps]


def check(address: str | sa.URL | None = None) -> list[str]:
    """Return what is wrong with a database, one line each: its revision, or tables that differ from the model."""
    with _migrating(address) as engine, engine.connect() as connection:
        problem = read_stamp(connection).problem()
        return [f"The database {_shown(engine)} {problem}"] if problem else differences(connection)


def differences(connection: Connection) -> list[str]:
    """Return how the tables differ from the model, one line each."""
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    from migrations.comparison import OPTIONS

    context = MigrationContext.configure(connection, opts=OPTIONS)
    return [_line(item) for item in compare_metadata(context, OPTIONS["target_metadata"])]


def _line(difference: Any) -> str:
    # Alembic gives a tuple (what, ...), or a list of them for the changes of one column.
    return "; ".join(" ".join(str(part) for part in item) for item in _as_list(difference))


def _as_list(difference: Any) -> list[Any]:
    return difference if isinstance(difference, list) else [difference]


def _pending(connection: Connection, stamp: Stamp, to: str) -> tuple[str, ...]:
    """Return the revisions still to be applied; refuse a database that is not ours."""
    if stamp.revision is None:
        _refuse_foreign_sites(connection)
        return REVISIONS[: REVISIONS.index(to) + 1]
    if stamp.revision not in REVISIONS:
        if stamp.newer:
            return ()
        raise DatabaseUnavailable(f"The database {_shown(connection.engine)} {stamp.problem()} Nothing was changed.")
    return REVISIONS[REVISIONS.index(stamp.revision) + 1 : REVISIONS.index(to) + 1]


def _refuse_foreign_sites(connection: Connection) -> None:
    inspector = sa.inspect(connection)
    if inspector.has_table("sites") and "subdomain" not in {c["name"] for c in inspector.get_columns("sites")}:
        raise DatabaseUnavailable(
            f"The database {_shown(connection.engine)} holds a table `sites` of another program. Check DATABASE_URL."
        )


def _apply(connection: Connection, to: str, backup: Path | None) -> None:
    from alembic import command
    from alembic.util import CommandError

    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, to)
        if to == HEAD:
            _record_generation(connection)
    except (sa.exc.SQLAlchemyError, CommandError) as error:
        if backup:
            backup.unlink()
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise ClerkError(f"Upgrading {_shown(connection.engine)} failed, nothing was changed: {reason}") from error


def _record_generation(connection: Connection) -> None:
    connection.execute(clerk_meta_table.delete().where(clerk_meta_table.c.key == "generation"))
    connection.execute(clerk_meta_table.insert().values(key="generation", value=str(GENERATION)))


def _back_up(connection: Connection, stamp: Stamp) -> Path | None:
    """Copy a SQLite file that holds anything; our write lock keeps others from changing it meanwhile."""
    name = connection.engine.url.database
    if connection.dialect.name != "sqlite" or not name or not sa.inspect(connection).get_table_names():
        return None
    source = Path(name)
    label = stamp.revision or "unversioned"
    target = source.with_name(f"{source.name}.backup-{label}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    partial = target.with_name(target.name + ".partial")
    with closing(sqlite3.connect(source)) as reader, closing(sqlite3.connect(partial)) as writer:
        reader.backup(writer)
    os.replace(partial, target)
    return target


def _use_write_ahead_log(engine: Engine) -> None:
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.execute("PRAGMA journal_mode = WAL")


@contextmanager
def _migrating(address: str | sa.URL | None) -> Iterator[Engine]:
    engine = create_engine(address or settings().database_url, migrating=True)
    try:
        with unavailable_as_advice(engine):
            yield engine
    finally:
        engine.dispose()


def _config() -> Config:
    from alembic.config import Config

    import migrations

    config = Config()
    place = str(Path(str(migrations.__file__)).parent)
    config.set_main_option("script_location", place.replace("%", "%%"))
    return config


def _only(down: str | Sequence[str] | None) -> str | None:
    return down if isinstance(down, str) or down is None else ",".join(down)


def _shown(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=True)
