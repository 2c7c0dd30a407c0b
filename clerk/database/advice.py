"""What a database error means for a person, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from clerk.database.engine import BUSY_TIMEOUT, engine, show_address
from clerk.errors import DatabaseUnavailable

#: PostgreSQL's classes of errors (appendix A of its manual) that are the fault of a statement or its data. All others
#: are the server's state: it is read-only after a failover, short of something, in recovery, or broken.
_OF_THE_STATEMENT = re.compile("0[ALP]|2[012346BF]|3[489]|4[24]|P0")


@contextmanager
def unavailable_as_advice(on: Engine | None = None) -> Iterator[None]:
    """Turn a lost, missing or unready database into DatabaseUnavailable, without the address's password."""
    try:
        yield
    except Exception as error:
        if (unavailable := as_unavailable(error, on)) is not None:
            raise unavailable from error
        raise


def as_unavailable(error: Exception, on: Engine | None = None) -> DatabaseUnavailable | None:
    """Return what an error says of the database, None where it is a statement's fault, or not the database's at all."""
    if isinstance(error, (OperationalError, InterfaceError)):
        return DatabaseUnavailable(_advice(error, on))
    # A statement that went to the driver without SQLAlchemy raises the driver's own errors.
    driver: Any = (on or engine()).dialect.dbapi
    if isinstance(error, (driver.OperationalError, driver.InterfaceError)):
        return DatabaseUnavailable(_advice(error, on))
    if isinstance(error, (sa.exc.DatabaseError, driver.Error)):
        if advice := _advice_on_contents(error, on):
            return DatabaseUnavailable(advice)
        if (state := _sqlstate(error)) and not _OF_THE_STATEMENT.match(state):
            return DatabaseUnavailable(_advice(error, on))
    return None


def read_only_problem(connection: Connection) -> str | None:
    """Return advice on a PostgreSQL server that takes no writes, such as a standby; None if it takes them."""
    if connection.dialect.name != "postgresql":
        return None
    answer = connection.exec_driver_sql("SHOW transaction_read_only").scalar()
    return _read_only(connection.engine) if answer == "on" else None


def _read_only(on: Engine | None) -> str:
    return f"The database {_where(on)} is read-only: a standby, or a server after a failover. Check DATABASE_URL."


def _advice(error: Exception, on: Engine | None) -> str:
    if contents := _advice_on_contents(error, on):
        return contents
    if "database is locked" in _reason(error) or _sqlstate(error) == "55P03":
        return f"The database {_where(on)} stayed locked for {BUSY_TIMEOUT} s: another program is writing to it."
    if _sqlstate(error) == "25006":
        return _read_only(on)
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
    return show_address((on or engine()).url)
