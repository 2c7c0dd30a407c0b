"""Statements of the hot path, compiled once and handed to the driver: SQLAlchemy's share of a job is then small."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, SelectBase
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.sql.dml import UpdateBase


class Compiled:
    """A statement that runs for every job; what goes in and comes out are plain numbers and text."""

    def __init__(self, statement: SelectBase | UpdateBase) -> None:
        self._statement = statement
        # Known beforehand: psycopg builds the description of all columns again for each execution.
        self._returns_rows = len(statement.exported_columns) > 0
        self._compiled: dict[str, tuple[str, Callable[[Mapping[str, Any]], Any]]] = {}

    def __call__(self, connection: Connection, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Run the statement with the values of its bind parameters; return the first row of what it returns."""
        sql, bind = self._for(connection)
        with closing(_driver(connection).cursor()) as cursor:
            cursor.execute(sql, bind(values))
            row: tuple[Any, ...] | None = cursor.fetchone() if self._returns_rows else None
            return row

    def many(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        """Run the statement, which returns nothing, once per row of values."""
        sql, bind = self._for(connection)
        with closing(_driver(connection).cursor()) as cursor:
            cursor.executemany(sql, list(map(bind, rows)))

    def _for(self, connection: Connection) -> tuple[str, Callable[[Mapping[str, Any]], Any]]:
        dialect = connection.dialect
        if dialect.name not in self._compiled:
            compiled = self._statement.compile(dialect=dialect)
            of_its_own = {name for bind, name in compiled.bind_names.items() if not bind.required}
            constants = {name: value for name, value in compiled.params.items() if name in of_its_own}
            self._compiled[dialect.name] = str(compiled), _binder(tuple(compiled.positiontup or ()), constants)
        return self._compiled[dialect.name]


def _driver(connection: Connection) -> DBAPIConnection:
    driver = connection.connection.dbapi_connection
    assert driver is not None, "a connection that is open has one"  # noqa: S101
    return driver


def _binder(order: tuple[str, ...], constants: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], Any]:
    """Return what makes the driver's parameters of values: in their order, if it has one, and with our constants."""
    if not order:
        return (lambda values: {**constants, **values}) if constants else dict
    pick = itemgetter(*order) if len(order) > 1 else lambda values: (values[order[0]],)
    return (lambda values: pick({**constants, **values})) if constants else pick
