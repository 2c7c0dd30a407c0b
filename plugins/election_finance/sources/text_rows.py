"""Text files of rows, brought into the sheets of a yearly workbook a column at a time."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from plugins.election_finance.archive import ARCHIVE_LIMITS
from plugins.election_finance.cleaning import EPOCH, Cell
from plugins.election_finance.errors import BadSource
from plugins.election_finance.layout import AMENDS, FILING_ID, ROW_KEY, SHEET, SHEETS, Sheet
from plugins.election_finance.workbook import Remark, Workbook

#: How many rows of a sheet are held at once.
_ROWS = 1000

#: Columns of sources that know more of a row and its filing than a workbook does.
_MORE = (FILING_ID, AMENDS, ROW_KEY, "Rpt_ID_Num")

#: The columns that a text file may give of each sheet.
GIVEN_COLUMNS = {
    sheet.name: (*sheet.columns, *(name for name in _MORE if name not in sheet.columns)) for sheet in SHEETS
}

#: The sheet of each schedule, by the Form_Type of its rows; rows of Summary lines name their schedule otherwise.
SCHEDULES = {
    **{name: SHEET[f"{name}-Contributions"] for name in ("A", "C", "I", "F496P3")},
    **{name: SHEET[f"{name}-Expenditure"] for name in ("F465P3", "F461P5", "D", "G", "E")},
    **{name: SHEET[f"{name}-Loans"] for name in ("B1", "B2", "H")},
    "F": SHEET["F-Expenses"],
    **dict.fromkeys(("F497P1", "F497P2"), SHEET["497"]),
    **dict.fromkeys(("F496", "S496"), SHEET["496"]),
}


def schedule(form: str) -> Sheet | None:
    """Return the sheet of a schedule, as rows name it: `A`, `F460A` and `460A` are one; None for another."""
    name = form.strip().upper()
    return SCHEDULES.get(name) or SCHEDULES.get(name.removeprefix("F").removeprefix("460"))


def column_places(header: Sequence[str]) -> dict[str, int]:
    """Return {name of a column in lower case, blanks as `_`: its place}, the first of several with one name."""
    return {column_name(name): at for at, name in reversed(list(enumerate(header)))}


def column_name(name: str) -> str:
    """Return a column's name as one compares it."""
    return name.strip().strip('"').casefold().replace(" ", "_")


def column_names(start: str) -> set[str]:
    """Return the names of the columns of a CSV that starts like this."""
    return {column_name(name) for name in start.partition("\n")[0].split(",")}


def lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file in UTF-8, else in Windows-1252; BadSource where it is no text, or too large."""
    if (size := path.stat().st_size) > ARCHIVE_LIMITS.bytes:
        raise BadSource(f"{size:,} bytes, more than the {ARCHIVE_LIMITS.bytes:,} that are allowed")
    encoding = "utf-8-sig" if _is_utf8(path) else "cp1252"
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        for line in file:
            if "\0" in line:
                raise BadSource("not a text file: it has zero bytes")
            yield line


def _is_utf8(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8") as file:
            while file.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return False
    return True


def records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the records of a CSV file that are not blank, each with the number of its last line."""
    reader = csv.reader(lines(path), strict=True)
    try:
        for record in reader:
            if any(record):
                yield reader.line_num, record
    except csv.Error as error:
        raise BadSource(f"line {reader.line_num} is damaged ({error}): get the file again") from None


def table(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the header of a CSV file and its rows; BadSource where a row has more or fewer cells than the header.

    Headers that are repeated, as at the start of each page of an export, are left out.
    """
    found = records(path)
    first = next(found, None)
    if first is None:
        raise BadSource("it is empty")
    yield first
    header = first[1]
    for number, record in found:
        if len(record) != len(header):
            raise BadSource(
                f"line {number} has {len(record)} cells, and the header {len(header)}: the file is damaged, or cut off"
            )
        if record != header:
            yield number, record


class SheetWriter:
    """Writes rows to the cells of a workbook, as `workbook.Workbook` reads them.

    `picks` says for each sheet which cell of a row is which column: {sheet: {column: place in the row}}. Cells that
    are `null` are blank.
    """

    def __init__(self, into: Path, picks: Mapping[str, Mapping[str, int]], null: str = "") -> None:
        self._into, self._null = into, null
        self._picks = {
            sheet: [(GIVEN_COLUMNS[sheet].index(column), at) for column, at in places.items()]
            for sheet, places in picks.items()
        }
        self._stack = ExitStack()
        self._files: dict[str, IO[str]] = {}
        self._rows: dict[str, list[Sequence[str]]] = {}
        self._numbers: dict[str, list[int]] = {}
        self._remarks: list[Remark] = []
        self._count = 0

    def add(self, sheet: Sheet, number: int, row: Sequence[str]) -> None:
        """Add a row of a sheet; `number` says where in the source it is."""
        self._rows.setdefault(sheet.name, []).append(row)
        self._numbers.setdefault(sheet.name, []).append(number)
        self._count += 1
        if len(self._rows[sheet.name]) >= _ROWS:
            self._flush(sheet.name)

    def remark(self, remark: Remark) -> None:
        """Add something odd about the source."""
        self._remarks.append(remark)

    def _flush(self, sheet: str) -> None:
        columns = list(zip(*self._rows[sheet], strict=True))
        cells: dict[int, list[Cell]] = {}
        for position, at in self._picks[sheet]:
            column = ["" if cell == self._null else cell for cell in columns[at]] if self._null else list(columns[at])
            if any(column):
                cells[position] = column
        json.dump([sheet, self._numbers[sheet], cells], self._file(sheet))
        self._file(sheet).write("\n")
        self._rows[sheet], self._numbers[sheet] = [], []

    def _file(self, sheet: str) -> IO[str]:
        if sheet not in self._files:
            path = self._into.with_suffix(f".{SHEET[sheet].raw}")
            self._files[sheet] = self._stack.enter_context(path.open("w+", encoding="utf-8"))
        return self._files[sheet]

    def workbook(self) -> Workbook:
        """Return the rows that were added."""
        cells = self._into.with_suffix(".cells")
        with self._stack, cells.open("w", encoding="utf-8") as target:
            for sheet in SHEETS:
                if self._rows.get(sheet.name):
                    self._flush(sheet.name)
                if file := self._files.get(sheet.name):
                    file.seek(0)
                    target.writelines(file)
        where = {sheet: dict(enumerate(columns)) for sheet, columns in GIVEN_COLUMNS.items()}
        return Workbook(self._count, EPOCH, tuple(self._remarks), where, cells)


def unknown_schedule(number: int, form: str, about: str) -> Remark:
    """Return what is said of a row that none of the tables has a place for."""
    return Remark(None, number, "unknown_schedule", f"{form or '(blank)'}: {about}")
