"""Amounts of money in the cells of tables, with two decimals."""

from __future__ import annotations

from functools import cache

from clerk.reading.configuration import descriptions

#: What the sentence about a column of money says.
_UNIT = "US dollars"


def amount_cell(column: str, value: object) -> str | None:
    """Return an amount of a finance database for people, such as 1,234.50; None for a cell that is no amount."""
    return f"{value:,.2f}" if isinstance(value, float) and column in _columns() else None


@cache
def _columns() -> frozenset[str]:
    return frozenset(name for name, said in descriptions()["finance"]["columns"].items() if _UNIT in said)
