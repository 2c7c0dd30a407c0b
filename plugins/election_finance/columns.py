"""Cells cleaned a column at a time: most cells of a column repeat, so each different one is cleaned once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import partial
from itertools import repeat
from typing import Any

from plugins.election_finance.cleaning import Cell, iso_date, money, seen, text
from plugins.election_finance.friendly_columns import FIELDS, Field
from plugins.election_finance.layout import AMOUNTS, DATES, Sheet

#: How many different cells are remembered at once.
_REMEMBERED = 50_000

Columns = dict[str, list[Any]]


class Known(dict[Any, Any]):
    """What a function makes of each value that it was given; `unreadable` are those that it makes nothing of."""

    def __init__(self, make: Callable[[Any], Any], *, must_be_read: bool = False) -> None:
        super().__init__()
        self._make, self._must_be_read = make, must_be_read
        self.unreadable: set[Any] = set()

    def __missing__(self, value: Any) -> Any:
        made = self[value] = self._make(value)
        if made is None and self._must_be_read and text(value) is not None:
            self.unreadable.add(value)
        return made

    def all_of(self, values: Iterable[Any]) -> list[Any]:
        """Return what is made of each value."""
        return list(map(self.__getitem__, values))

    def forget(self) -> None:
        """Forget what is known, if it is much."""
        if len(self) > _REMEMBERED:
            self.clear()
            self.unreadable.clear()


class Cleaner:
    """Cleans the columns of workbooks whose serial dates are counted from `epoch`."""

    def __init__(self, epoch: date) -> None:
        self._dates = Known(partial(iso_date, epoch=epoch), must_be_read=True)
        self._amounts = Known(_dollars, must_be_read=True)
        self._texts = Known(text)
        self._raw, self._raw_amounts = Known(_as_read), Known(_amount_as_read)
        self._made: dict[Field, Known] = {}

    def clean(self, cells: dict[str, list[Cell]]) -> Columns:
        """Return the columns as text, ISO dates and dollars, None where a cell is blank or cannot be read."""
        for known in (self._dates, self._amounts, self._texts, self._raw, self._raw_amounts, *self._made.values()):
            known.forget()
        return {column: self._cleaner(column).all_of(found) for column, found in cells.items()}

    def unreadable(self, column: str) -> set[Cell]:
        """Return the cells of dates or amounts, of this column or another, that could not be read."""
        return self._cleaner(column).unreadable

    def _cleaner(self, column: str) -> Known:
        if column in DATES:
            return self._dates
        return self._amounts if column in AMOUNTS else self._texts

    def raw(self, sheet: Sheet, cells: dict[str, list[Cell]]) -> dict[str, Iterable[Any]]:
        """Return the columns of the raw table that have any cell: as read, without invisible characters."""
        known = {True: self._raw_amounts, False: self._raw}
        return {name: known[name in AMOUNTS].all_of(cells[name]) for name in sheet.kept if name in cells}

    def friendly(self, sheet: Sheet, columns: Columns, size: int) -> dict[str, Iterable[Any]]:
        """Return the columns of the friendly table that follow its head, but not those that are NULL in every row."""
        made = ((field.name, self._made_of(field, columns, size)) for field in FIELDS[sheet.kind])
        return {name: column for name, column in made if column is not None}

    def _made_of(self, field: Field, columns: Columns, size: int) -> Iterable[Any] | None:
        parts: Sequence[Any] = [columns.get(name) for name in field.columns]
        if not any(parts):
            constant = field.make(*parts) if field.make else None
            return None if constant is None else repeat(constant)
        if field.make is None:
            found: list[Any] = parts[0]
            return found
        known = self._made.setdefault(field, Known(partial(_call, field.make)))
        return known.all_of(zip(*(part or [None] * size for part in parts), strict=True))


def _call(make: Callable[..., Any], values: tuple[Any, ...]) -> Any:
    return make(*values)


def _dollars(cell: Cell) -> float | None:
    amount = money(cell)
    return None if amount is None else float(amount)


def _as_read(cell: Cell) -> str | None:
    return text(cell) if isinstance(cell, float) else _amount_as_read(cell)


def _amount_as_read(cell: Cell) -> Any:
    return (seen(cell) or None) if isinstance(cell, str) else cell
