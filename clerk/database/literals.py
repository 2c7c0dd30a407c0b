"""The states as SQL constants: text in the statement, not a parameter of it, since these run for every job."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import Column, ColumnElement, Text, and_, literal_column

_Value = TypeVar("_Value")

#: How many parameters one statement has at most: SQLite takes 32 766.
PASS = 1000


def constant(state: StrEnum) -> ColumnElement[str]:
    """Return a state as a literal of the statement."""
    return literal_column(f"'{state.value}'", Text)


def is_in(column: Column[str], state: StrEnum, among: Iterable[StrEnum]) -> ColumnElement[bool]:
    """Return the condition that a column holds a state, so that SQLite too uses the partial index of these states."""
    return and_(column == constant(state), one_of(column, among))


def batched(values: Sequence[_Value]) -> Iterator[Sequence[_Value]]:
    """Yield the values of an IN list in parts of PASS."""
    return (values[start : start + PASS] for start in range(0, len(values), PASS))


def one_of(column: Column[str], states: Iterable[StrEnum]) -> ColumnElement[bool]:
    """Return the condition that a column holds one of the states, in the words of the partial indexes."""
    words = [constant(state) for state in states]
    return column == words[0] if len(words) == 1 else column.in_(words)
