"""Reading a year's workbook: sixteen sheets, each cell found by its column's name, never by its position."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from clerk.child_process import ChildLimits
from plugins.election_finance.cleaning import Cell, text
from plugins.election_finance.errors import BadSource
from plugins.election_finance.layout import SHEET, SHEETS, Sheet
from plugins.election_finance.reader import LIMITS, WorkbookRead, extract_cells, read_cells


@dataclass(frozen=True, slots=True)
class Remark:
    """Something odd about the input that a reader of the database should be able to find."""

    sheet: str | None
    row: int | None
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of one sheet: their numbers as a spreadsheet shows them, and the cells of each column that has any."""

    sheet: Sheet
    numbers: Sequence[int]
    cells: dict[str, list[Cell]]
    filing_ids: Sequence[str] | None = None  # of rows that are read again: the filings that they were found to be of


@dataclass(frozen=True, slots=True)
class Workbook:
    """A source's file as a year's workbook: its rows, day 0 of its serial dates, and where its cells are.

    `_where` names the columns of each of the sixteen sheets, by their position.
    """

    rows: int
    epoch: date
    remarks: tuple[Remark, ...]
    _where: dict[str, dict[int, str]]
    _cells: Path

    def batches(self) -> Iterator[Batch]:
        """Yield the rows, blank ones left out, sheet by sheet in the order of SHEETS."""
        for rows in read_cells(self._cells):
            where = self._where[rows.sheet]
            named = ((where.get(at), column) for at, column in rows.cells.items())
            yield Batch(SHEET[rows.sheet], rows.numbers, {name: column for name, column in named if name})


def extract(workbook: Path, cells: Path, limits: ChildLimits = LIMITS) -> Workbook:
    """Write the cells of an .xlsx to the file `cells`.

    BadSource where it is damaged, or lacks a sheet or a column that we cannot do without.
    """
    read = extract_cells(workbook, [sheet.name for sheet in SHEETS], cells, limits)
    known = [sheet.name for sheet in SHEETS]
    if missing := [name for name in known if name not in read.names]:
        raise BadSource(f"not a NetFile export: it has no sheet {', '.join(missing)}")
    remarks = [Remark(text(name), None, "extra_sheet", "not loaded") for name in read.names if name not in known]
    where = {sheet.name: _columns(sheet, read, remarks) for sheet in SHEETS}
    rows = sum(sheet.rows for sheet in read.sheets.values())
    return Workbook(rows, date.fromisoformat(read.epoch), tuple(remarks), where, cells)


def _columns(sheet: Sheet, read: WorkbookRead, remarks: list[Remark]) -> dict[int, str]:
    """Return {position: column} of a sheet's known columns, the first of several with one name."""
    names = [(text(cell) or "").casefold() for cell in read.sheets[sheet.name].heads]
    where = {name: at for at, name in reversed(list(enumerate(names))) if name}
    lacking = [column for column in sheet.columns if column.casefold() not in where]
    if unusable := [column for column in sheet.required if column in lacking]:
        raise BadSource(f"not a NetFile export: sheet {sheet.name} has no column {', '.join(unusable)}")
    remarks += _odd_columns(sheet, lacking, names)
    return {where[column.casefold()]: column for column in sheet.columns if column not in lacking}


def _odd_columns(sheet: Sheet, lacking: Sequence[str], names: Sequence[str]) -> Iterator[Remark]:
    expected = {column.casefold() for column in sheet.columns}
    for column in lacking:
        yield Remark(sheet.name, None, "missing_column", column)
    for name in sorted({name for name in names if name and name not in expected}):
        yield Remark(sheet.name, None, "extra_column", name)
