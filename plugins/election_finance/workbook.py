"""Reading a year's workbook: sixteen sheets, each cell found by its column's name, never by its position."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clerk.child_process import ChildLimits
from plugins.election_finance.cleaning import Cell, text
from plugins.election_finance.errors import BadSource
from plugins.election_finance.layout import SHEETS, Sheet
from plugins.election_finance.reader import LIMITS, NumberedRow, Sheets, extract_cells


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


def extract(content: bytes, cells: Path, limits: ChildLimits = LIMITS) -> None:
    """Write the cells of an .xlsx to the file `cells`; BadSource where it is damaged."""
    extract_cells(content, [sheet.name for sheet in SHEETS], cells, limits)


def read(cells: Path) -> Workbook:
    """Read what `extract` wrote; BadSource where the workbook lacks a sheet or a column that we cannot do without."""
    known = [sheet.name for sheet in SHEETS]
    with cells.open() as file:
        sheets = Sheets(file)
        if missing := [name for name in known if name not in sheets.names]:
            raise BadSource(f"not a NetFile export: it has no sheet {', '.join(missing)}")
        remarks = [Remark(name, None, "extra_sheet", "not loaded") for name in sheets.names if name not in known]
        return Workbook([_table(sheet, sheets.rows(), remarks) for sheet in SHEETS], remarks)


def _table(sheet: Sheet, rows: Iterator[NumberedRow], remarks: list[Remark]) -> Table:
    number, heads = next(rows, (1, []))
    names = [(text(cell) or "").casefold() for cell in heads] if number == 1 else []
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


def _lines(rows: Iterable[NumberedRow], positions: Sequence[int | None]) -> Iterator[Line]:
    for number, row in rows:
        yield Line(number, tuple(None if at is None or row[at] == "" else row[at] for at in positions))
