"""Statements of the hot path, compiled once and handed to the driver: SQLAlchemy's share of a job is then small."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.sql.dml import UpdateBase


class Prepared:
    """An UPDATE … RETURNING of one row, that runs for every job; what goes in and out are plain numbers and text."""

    def __init__(self, statement: UpdateBase) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, tuple[str, ...] | None, dict[str, Any]]] = {}

    def __call__(self, connection: Connection, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Run the statement with the values of its bind parameters; return the row that it changed, if it did."""
        dialect = connection.dialect
        if dialect.name not in self._compiled:
            compiled = self._statement.compile(dialect=dialect)
            order = tuple(compiled.positiontup) if compiled.positiontup else None
            self._compiled[dialect.name] = (str(compiled), order, dict(compiled.params))
        sql, order, constants = self._compiled[dialect.name]
        bound = {**constants, **values}
        with closing(connection.connection.cursor()) as cursor:
            cursor.execute(sql, [bound[name] for name in order] if order else bound)
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row
