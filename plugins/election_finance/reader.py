"""The cells of a workbook, read by a child process: one that is too much for it is a bad file, not our end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from clerk.child_process import MIB, ChildError, ChildLimits, ChildProcess
from plugins.election_finance.cleaning import Cell
from plugins.election_finance.errors import BadSource

_PROGRAM = str(Path(__file__).with_name("workbook_process.py"))

#: A million rows take a third of that memory, two thirds of that text, and a minute.
LIMITS = ChildLimits(seconds=600, answer_seconds=600, memory=2048 * MIB, output=1024 * MIB)


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a sheet: their numbers as a spreadsheet shows them, and the cells of each column that has any."""

    sheet: str
    numbers: list[int]
    cells: dict[int, list[Cell]]


@dataclass(frozen=True, slots=True)
class SheetRead:
    """The cells of a sheet's first row, and how many rows that are not blank come after it."""

    heads: list[Cell]
    rows: int


@dataclass(frozen=True, slots=True)
class WorkbookRead:
    """The names of all sheets of a workbook, day 0 of its serial dates, and the sheets that were asked for."""

    names: list[str]
    epoch: str
    sheets: dict[str, SheetRead]


def extract_cells(workbook: Path, wanted: Sequence[str], cells: Path, limits: ChildLimits) -> WorkbookRead:
    """Write the sheets of `wanted` to `cells`; BadSource where the workbook is damaged, or takes more than `limits`."""
    partial = cells.with_suffix(".partial")
    request = {"path": str(workbook), "sheets": wanted, "into": str(partial)}
    with closing(ChildProcess(_PROGRAM)) as child:
        try:
            about, *sheets = child.ask(request, limits)
        except ChildError as error:
            if error.kind == "failed":
                raise
            hint = ". It is built to be too much, or has a cell far outside its table. Get the file again."
            raise BadSource(error.reason if error.kind == "damaged" else f"the workbook {error.reason}{hint}") from None
    partial.rename(cells)
    return WorkbookRead(
        about["names"], about["epoch"], {sheet["sheet"]: SheetRead(sheet["heads"], sheet["rows"]) for sheet in sheets}
    )


def read_cells(cells: Path) -> Iterator[Rows]:
    """Yield what `extract_cells` wrote, sheet by sheet."""
    with cells.open() as file:
        for line in file:
            sheet, numbers, columns = json.loads(line)
            yield Rows(sheet, numbers, {int(at): column for at, column in columns.items()})
