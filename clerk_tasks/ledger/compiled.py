"""Statements of the hot path, compiled once and handed to the driver: SQLAlchemy's share of a job is then small."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, SelectBase
from sqlalchemy.sql.dml import UpdateBase


class Compiled:
    """A statement that runs for every job; what goes in and comes out are plain numbers and text."""

    def __init__(self, statement: SelectBase | UpdateBase) -> None:
        self._statement = statement
        # Known beforehand: psycopg builds the description of all columns again for each execution.
        self._returns_rows = len(statement.exported_columns) > 0
        self._compiled: dict[str, tuple[str, tuple[str, ...] | None, dict[str, Any]]] = {}

    def __call__(self, connection: Connection, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Run the statement with the values of its bind parameters; return the first row of what it returns."""
        sql, order, constants = self._for(connection)
        with closing(connection.connection.cursor()) as cursor:
            cursor.execute(sql, _bind(order, constants, values))
            row: tuple[Any, ...] | None = cursor.fetchone() if self._returns_rows else None
            return row

    def many(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        """Run the statement, which returns nothing and has no values of its own, once per row of values."""
        sql, order, _ = self._for(connection)
        of = itemgetter(*order) if order else dict
        with closing(connection.connection.cursor()) as cursor:
            cursor.executemany(sql, [of(row) for row in rows])

    def _for(self, connection: Connection) -> tuple[str, tuple[str, ...] | None, dict[str, Any]]:
        dialect = connection.dialect
        if dialect.name not in self._compiled:
            compiled = self._statement.compile(dialect=dialect)
            order = tuple(compiled.positiontup) if compiled.positiontup else None
            self._compiled[dialect.name] = (str(compiled), order, dict(compiled.params))
        return self._compiled[dialect.name]


def _bind(order: tuple[str, ...] | None, constants: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    bound = {**constants, **values}
    return [bound[name] for name in order] if order else bound
