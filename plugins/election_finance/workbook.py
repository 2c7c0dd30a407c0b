"""Reading a year's workbook: sixteen sheets, each cell found by its column's name, never by its position."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from plugins.election_finance.cleaning import Cell, text
from plugins.election_finance.errors import BadSource
from plugins.election_finance.layout import SHEETS, Sheet


@dataclass(frozen=True, slots=True)
class Remark:
    """Something odd about the input that a reader of the database should be able to find."""

    sheet: str
    row: int | None
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a sheet: its number as a spreadsheet shows it, and its cells in the order of `Sheet.columns`."""

    number: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """One sheet as read: the rows that are not blank."""

    sheet: Sheet
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Workbook:
    """A year's workbook as read."""

    tables: list[Table]
    remarks: list[Remark] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Return how many rows the sixteen sheets have together."""
        return sum(len(table.lines) for table in self.tables)


def read(content: bytes) -> Workbook:
    """Read an .xlsx; BadSource where it is damaged, or lacks a sheet or a column that we cannot do without."""
    book = _open(content)
    missing = [sheet.name for sheet in SHEETS if sheet.name not in book.sheet_names]
    if missing:
        raise BadSource(f"not a NetFile export: it has no sheet {', '.join(missing)}")
    known = {sheet.name for sheet in SHEETS}
    remarks = [Remark(name, None, "extra_sheet", "not loaded") for name in book.sheet_names if name not in known]
    tables = [_table(sheet, _cells(book, sheet.name), remarks) for sheet in SHEETS]
    return Workbook(tables, remarks)


def _open(content: bytes) -> Any:
    from python_calamine import CalamineWorkbook

    with _damage_as_advice("the workbook"):
        return CalamineWorkbook.from_filelike(io.BytesIO(content))


def _cells(book: Any, name: str) -> list[list[Cell]]:
    with _damage_as_advice(f"sheet {name}"):
        rows = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    return [[_plain(cell) for cell in row] for row in rows]


def _plain(cell: Any) -> Cell:
    """Return what a table can store: dates and times as ISO text, lengths of time as Python writes them."""
    if cell is None or isinstance(cell, str | float | int):
        return cell
    if isinstance(cell, datetime) and cell.time() == time.min:
        cell = cell.date()
    return cell.isoformat() if isinstance(cell, date | time) else str(cell)


class _damage_as_advice:  # noqa: N801 - reads as a function where it is used
    """Turn any failure to read into BadSource; the reader is Rust, whose panics are not even Exceptions."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _traceback: object) -> None:
        if error is None or isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit | MemoryError):
            return
        raise BadSource(f"{self.what} is damaged: {error}. Get the file again.") from None


def _table(sheet: Sheet, rows: Sequence[Sequence[Cell]], remarks: list[Remark]) -> Table:
    names = [(text(cell) or "").casefold() for cell in rows[0]] if rows else []
    where = {name: index for index, name in reversed(list(enumerate(names))) if name}
    lacking = [column for column in sheet.columns if column.casefold() not in where]
    unusable = [column for column in sheet.required if column in lacking]
    if unusable:
        raise BadSource(f"not a NetFile export: sheet {sheet.name} has no column {', '.join(unusable)}")
    remarks += _odd_columns(sheet, lacking, names)
    positions = [where.get(column.casefold()) for column in sheet.columns]
    return Table(sheet, list(_lines(rows, positions)))


def _odd_columns(sheet: Sheet, lacking: Sequence[str], names: Sequence[str]) -> Iterator[Remark]:
    expected = {column.casefold() for column in sheet.columns}
    for column in lacking:
        yield Remark(sheet.name, None, "missing_column", column)
    for name in sorted({name for name in names if name and name not in expected}):
        yield Remark(sheet.name, None, "extra_column", name)


def _lines(rows: Sequence[Sequence[Cell]], positions: Sequence[int | None]) -> Iterator[Line]:
    for number, row in enumerate(rows[1:], start=2):
        if any(cell not in ("", None) for cell in row):
            yield Line(number, tuple(None if at is None or row[at] == "" else row[at] for at in positions))
