"""The database's clock: the only one that timestamps in the database are ever compared with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, DateTime, Dialect, Float, TypeDecorator, literal, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine


def parse_moment(text: object) -> datetime | None:
    """Read an ISO date or time, with or without seconds, fractions and zone, as UTC; None for any other text."""
    try:
        return _in_utc(datetime.fromisoformat(str(text).strip()))
    except ValueError:
        return None


def format_moment(moment: datetime) -> str:
    """Write a moment as the text columns of `sites` have it: UTC, whole seconds, no zone."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class _SqliteDateTime(sqlite.DATETIME):
    """Milliseconds rather than microseconds, so that what we bind and what strftime makes compare as text."""

    def bind_processor(self, dialect: Dialect) -> Any:
        return lambda value: None if value is None else value.isoformat(sep=" ", timespec="milliseconds")

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        read = super().result_processor(dialect, coltype) or parse_moment

        def readable(value: Any) -> Any:
            try:
                return read(value)
            except (TypeError, ValueError):  # a row that another program damaged must not hide the others
                return None

        return readable


class _LenientSqliteDateTime(sqlite.DATETIME):
    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        return lambda value: None if value is None else parse_moment(value)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime; a naive one is refused.

    What SQLite has that is no ISO date or time is read as None. `lenient` is for tables that other programs write too:
    a naive datetime is taken as UTC.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def __init__(self, lenient: bool = False) -> None:  # not keyword-only: SQLAlchemy's cache key would miss it
        super().__init__()
        self.lenient = lenient

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Store text on SQLite, TIMESTAMP WITH TIME ZONE elsewhere."""
        if dialect.name != "sqlite":
            return DateTime(timezone=True)
        kind: Callable[[], TypeEngine[Any]] = _LenientSqliteDateTime if self.lenient else _SqliteDateTime
        return kind()

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC; SQLite gets it naive, since its text has no zone."""
        if value is None:
            return None
        if value.tzinfo is None and not self.lenient:
            raise ValueError(f"a naive datetime: {value}")
        value = _in_utc(value)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return an aware datetime in UTC."""
        return None if value is None else _in_utc(value)


class now(FunctionElement[datetime]):  # noqa: N801 - it reads as the SQL function that it is
    """The database's clock plus some seconds, a number or an expression: `now()`, `now(30)`, `now(-lease)`."""

    type = UtcDateTime()
    inherit_cache = True

    def __init__(self, seconds: float | ColumnElement[float] | None = None) -> None:
        if seconds is None:
            super().__init__()
        else:
            super().__init__(seconds if isinstance(seconds, ColumnElement) else literal(float(seconds), Float))


@compiles(now, "sqlite")
def _sqlite_now(element: now, compiler: SQLCompiler, **kw: Any) -> str:
    seconds = compiler.process(element.clauses, **kw)
    modifier = f", ({seconds}) || ' seconds'" if seconds else ""
    return f"strftime('%Y-%m-%d %H:%M:%f', 'now'{modifier})"


@compiles(now, "postgresql")
def _postgresql_now(element: now, compiler: SQLCompiler, **kw: Any) -> str:
    # PostgreSQL's now() stands still for a whole transaction; clock_timestamp() would keep indexes from being used.
    seconds = compiler.process(element.clauses, **kw)
    return f"(statement_timestamp() + make_interval(secs => {seconds}))" if seconds else "statement_timestamp()"


class seconds_between(FunctionElement[float]):  # noqa: N801 - a SQL function, like now()
    """How many seconds passed between two moments, columns or expressions: negative if the second is earlier."""

    type = Float()
    inherit_cache = True


@compiles(seconds_between, "sqlite")
def _sqlite_seconds(element: seconds_between, compiler: SQLCompiler, **kw: Any) -> str:
    earlier, later = (compiler.process(each, **kw) for each in element.clauses)
    return f"((julianday({later}) - julianday({earlier})) * 86400.0)"


@compiles(seconds_between, "postgresql")
def _postgresql_seconds(element: seconds_between, compiler: SQLCompiler, **kw: Any) -> str:
    earlier, later = (compiler.process(each, **kw) for each in element.clauses)
    return f"date_part('epoch', {later} - {earlier})"  # EXTRACT would be numeric, and slow


#: How far ahead a recorded time may be, in seconds: clocks that other programs write by differ a little.
CLOCK_MARGIN = 3600.0


def database_time(connection: Connection) -> datetime:
    """Return what the database's clock says."""
    moment: datetime = connection.execute(select(now())).scalar_one()
    return moment
