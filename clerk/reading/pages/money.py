"""What a city's page shows of campaign money: figures, each with its table, its query and the rows behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clerk.reading.addresses import address
from clerk.reading.configuration import descriptions
from clerk.reading.pages.charts import ChartBar, MonthColumn, bars, month_columns
from clerk.reading.pages.data import Row, rows, tables
from clerk.reading.pages.web import dollars

#: How many rows a figure's table has.
_ROWS = 10


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a figure's table; `link` leads to what it is made of."""

    text: str
    link: str | None = None
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart, the table below it, and the address of its query."""

    key: str
    title: str
    note: str
    query: str
    headings: tuple[str, ...]
    table: Sequence[tuple[Cell, ...]]
    bars: list[ChartBar]
    columns: list[MonthColumn]


async def figures(datasette: Any, city: Row) -> list[Figure]:
    """Return the figures of a city, those that its finance database has rows for."""
    database = city["finance"]
    there = await tables(datasette, database) if database else frozenset()
    found = []
    for key, query in descriptions()["finance"]["queries"].items():
        if query["needs"] in there and key in _MAKERS:
            result = await rows(datasette, database, query["sql"])
            if result:
                found.append(_MAKERS[key](key, query, city, result))
    return found


def _rows_behind(database: str, table: str, **conditions: object) -> str:
    return address(database, table, **conditions, _sort_desc="amount")


def _by_month(key: str, query: Row, city: Row, result: list[Row]) -> Figure:
    database = city["finance"]
    table = [
        (
            Cell(row["month"]),
            _amount(row["total"], _rows_behind(database, "contributions", date__startswith=row["month"])),
            _count(row["gifts"]),
        )
        for row in reversed(result[-_ROWS:])
    ]
    columns = month_columns((row["month"], row["total"]) for row in result)
    return _figure(key, query, database, ("Month", "Contributions", "Gifts"), table, columns=columns)


def _by_committee(key: str, query: Row, city: Row, result: list[Row]) -> Figure:
    shown = result[:_ROWS]
    table = [
        (
            Cell(row["committee_name"], link=address("city", city["subdomain"], "committee", row["committee_id"])),
            _amount(row["total"], _rows_behind(city["finance"], "contributions", committee_id=row["committee_id"])),
            _count(row["gifts"]),
        )
        for row in shown
    ]
    drawn = bars((row["committee_name"], row["total"]) for row in shown)
    return _figure(key, query, city["finance"], ("Committee", "Contributions", "Gifts"), table, bars=drawn)


def _top_contributors(key: str, query: Row, city: Row, result: list[Row]) -> Figure:
    shown = result[:_ROWS]
    table = [
        (
            Cell(row["contributor_name"]),
            _amount(row["total"], _rows_behind(city["finance"], "contributions", name_norm=row["name_norm"])),
            _count(row["gifts"]),
        )
        for row in shown
    ]
    drawn = bars((row["contributor_name"], row["total"]) for row in shown)
    return _figure(key, query, city["finance"], ("Contributor", "Money and goods", "Gifts"), table, bars=drawn)


def _for_and_against(key: str, query: Row, city: Row, result: list[Row]) -> Figure:
    shown = result[: 2 * _ROWS]
    table = [
        (
            Cell(row["target"] or "not named"),
            Cell(row["side"]),
            _amount(
                row["total"],
                _rows_behind(
                    city["finance"],
                    "spending_for_and_against",
                    target_norm=row["target_norm"],
                    support_oppose=row["support_oppose"],
                ),
            ),
        )
        for row in shown
    ]
    drawn = bars(
        ((f"{row['side']} {row['target'] or 'not named'}", row["total"]) for row in shown),
        kinds=["against" if row["support_oppose"] == "O" else "" for row in shown],
    )
    return _figure(key, query, city["finance"], ("Candidate or measure", "Side", "Spent"), table, bars=drawn)


def _amount(value: float | None, link: str) -> Cell:
    return Cell(dollars(value), link, is_number=True)


def _count(value: int) -> Cell:
    return Cell(f"{value:,}", is_number=True)


def _figure(
    key: str,
    query: Row,
    database: str,
    headings: tuple[str, ...],
    table: Sequence[tuple[Cell, ...]],
    *,
    bars: list[ChartBar] | None = None,
    columns: list[MonthColumn] | None = None,
) -> Figure:
    return Figure(
        key, query["title"], query["description"], address(database, key), headings, table, bars or [], columns or []
    )


_MAKERS = {
    "money-by-month": _by_month,
    "money-by-committee": _by_committee,
    "top-contributors": _top_contributors,
    "for-and-against": _for_and_against,
}
