"""Column types for tables that other programs write too: what cannot be read is None, and costs no other row."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

from sqlalchemy import JSON, Date, Dialect, Integer, TypeDecorator
from sqlalchemy.types import TypeEngine

from clerk.database.clock import parse_moment


# Not subclasses of SQLAlchemy's own types, which its dialect would replace by those of the driver.
class _SqliteDate(TypeEngine[date]):
    __visit_name__ = "DATE"

    def bind_processor(self, dialect: Dialect) -> Callable[[date | None], str | None]:
        return lambda value: None if value is None else value.isoformat()

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], date | None]:
        return lambda value: moment.date() if (moment := parse_moment(value)) else None


class _SqliteJson(TypeEngine[Any]):
    __visit_name__ = "JSON"

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], str | None]:
        return lambda value: None if value is None else json.dumps(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        return parse_json


def parse_json(text: Any) -> Any:
    """Return the value that a JSON text means; None for text that is not JSON, or nests too deep.

    A number stays one: SQLite turns the text of a number into that.
    """
    if isinstance(text, int | float):
        return text
    try:
        return None if text is None else json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None


class LenientDate(TypeDecorator[date]):
    """A date; what SQLite has that is no ISO date is read as None."""

    impl = Date
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Read text on SQLite, a DATE elsewhere."""
        return _SqliteDate() if dialect.name == "sqlite" else Date()


class LenientJson(TypeDecorator[Any]):
    """A JSON value, NULL for None; what SQLite has that is not JSON is read as None."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Read text on SQLite, JSON elsewhere."""
        return _SqliteJson() if dialect.name == "sqlite" else JSON(none_as_null=True)


class LenientInteger(Integer):
    """A whole number; what SQLite has that is no number is read as 0."""

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """Read text as 0 on SQLite, where a column may hold it."""
        return (lambda value: 0 if isinstance(value, str | bytes) else value) if dialect.name == "sqlite" else None
