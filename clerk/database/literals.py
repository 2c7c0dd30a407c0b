"""The states as SQL constants: text in the statement, not a parameter of it, since these run for every job."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import Column, ColumnElement, Text, literal_column


def constant(state: StrEnum) -> ColumnElement[str]:
    """Return a state as a literal of the statement."""
    return literal_column(f"'{state.value}'", Text)


def one_of(column: Column[str], states: Iterable[StrEnum]) -> ColumnElement[bool]:
    """Return the condition that a column holds one of the states, in the words of the partial indexes."""
    return column.in_([constant(state) for state in states])
