"""The program that touches the spreadsheet library: `python workbook_process.py FD`.

It answers {"path", "sheets", "into"} with {"names"} of all sheets and {"epoch"} of their serial dates; then, for each
of "sheets" that there is, with {"sheet", "heads", "rows"}: the cells of its first row, and how many other rows it has.
The rows themselves are written to the file "into", each line the JSON of some rows: [sheet, numbers, {column: cells}].
Blank rows and blank columns are left out.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from io import FileIO
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring

from clerk.child_process import MIB, ChildError, Message, serve

#: How many rows a line of the file holds, at most.
_ROWS_OF_LINE = 1000

#: Bytes of XML. The library keeps a whole sheet in memory, so a sheet larger than two slices is given to it in slices.
_SLICE = 32 * MIB

#: Day 0 of serial dates: `date1904` of a workbook says which (ECMA-376 part 1, 18.17.4.1).
EPOCHS = {False: "1899-12-30", True: "1904-01-01"}

_BLANK = {"", None}
_TYPED = (datetime, date, time, timedelta, bool)


def answer(request: Message) -> Iterator[Message]:
    """Read a workbook; ChildError where it is damaged."""
    what = "the workbook"
    try:
        with OpenWorkbook(Path(request["path"])) as book, _created(Path(request["into"])) as file:
            yield {"names": book.names, "epoch": EPOCHS[book.counts_from_1904]}
            output = Output(file, request["limits"]["output"])
            for name in request["sheets"]:
                if name in book.names:
                    what = f"sheet {name}"
                    heads, rows = output.write(name, book.rows(name))
                    yield {"sheet": name, "heads": heads, "rows": rows}
    except (MemoryError, GeneratorExit, ChildError):
        raise
    except BaseException as error:  # the library is Rust, whose panics are not even Exceptions
        raise ChildError("damaged", f"{what} is damaged: {error}. Get the file again.") from None


class OpenWorkbook:
    """An .xlsx file: the names of its sheets, its epoch, and the rows of each sheet."""

    def __init__(self, path: Path, slice_size: int = _SLICE) -> None:
        from python_calamine import CalamineWorkbook  # after the memory limit is set

        self._open, self._slice_size = CalamineWorkbook.from_filelike, slice_size
        self._archive = zipfile.ZipFile(path)
        self._file = path.open("rb")
        self._book: Any = self._open(self._file)
        self.names: list[str] = self._book.sheet_names
        root, folder = _main_part(self._archive)
        self.counts_from_1904 = any(
            part.get("date1904", "") in ("1", "true") for part in root if _local(part.tag) == "workbookPr"
        )
        self._parts = _sheet_parts(self._archive, root, folder)

    def __enter__(self) -> OpenWorkbook:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()
        self._file.close()

    def rows(self, name: str) -> Iterator[tuple[int, list[Any]]]:
        """Yield the rows of a sheet, each with its number as a spreadsheet shows it."""
        slices = self._slices(self._parts.get(name, ""))
        if slices is None:
            if self._book is None:
                self._file.seek(0)
                self._book = self._open(self._file)
            yield from enumerate(self._book.get_sheet_by_name(name).iter_rows(), 1)
            return
        self._book = None  # it holds the texts of all sheets, as each slice does
        for part in slices:
            sheet = self._open(part).get_sheet_by_name(name)
            top, left = sheet.start or (0, 0)
            for number, row in enumerate(sheet.to_python(), top + 1):
                yield number, [""] * left + row

    def _slices(self, part: str) -> Iterator[io.BytesIO] | None:
        """Return workbooks with some rows of a large sheet each; None if it is small, or its rows have no number."""
        if part not in self._archive.namelist() or self._archive.getinfo(part).file_size <= 2 * self._slice_size:
            return None
        with self._archive.open(part) as start:
            head, opened, rows = start.read(1 * MIB).partition(b"<sheetData>")
        if not opened or b" r=" not in rows.partition(b">")[0]:
            return None
        return (self._with(part, xml) for xml in self._cut(part, head + opened))

    def _cut(self, part: str, head: bytes) -> Iterator[bytes]:
        """Cut a sheet between rows. A cut within a comment makes XML that the library refuses, never other cells."""
        with self._archive.open(part) as sheet:
            sheet.read(len(head))
            rest = b""
            while more := sheet.read(self._slice_size):
                rows, ended, rest = (rest + more).rpartition(b"</row>")
                if ended:
                    yield b"".join([head, rows, ended, b"</sheetData></worksheet>"])
            if b"<row" in rest:
                yield head + rest

    def _with(self, part: str, xml: bytes) -> io.BytesIO:
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as slice_:
            for name in self._archive.namelist():
                if name not in self._parts.values():
                    slice_.writestr(name, self._archive.read(name))
            slice_.writestr(part, xml)
        made.seek(0)
        return made


def _created(path: Path) -> FileIO:
    try:
        return path.open("wb", buffering=0)
    except OSError as error:
        raise _unwritable(error) from None


def _unwritable(error: OSError) -> ChildError:
    """Return the error of a file that cannot be written: a full disk is no damage of the workbook."""
    return ChildError("failed", f"the cells of the workbook cannot be written: {error}")


class Output:
    """The file of cells; ChildError when it becomes larger than `limit` bytes."""

    def __init__(self, file: FileIO, limit: int) -> None:
        self._file, self._limit, self._left = file, limit, limit
        self._plain = Plain()

    def write(self, name: str, rows: Iterator[tuple[int, list[Any]]]) -> tuple[list[Any], int]:
        """Write a sheet; return the cells of its first row, if any, and how many other rows there are."""
        filled = ((number, row) for number, row in rows if any(row) or _has_cells(row))
        first, heads = next(filled, (1, []))
        count = 0
        while batch := list(islice(filled, _ROWS_OF_LINE)):
            numbers, cells = zip(*batch, strict=True)
            self._line([name, numbers, self._columns(cells)])
            count += len(batch)
        return self._plain.column(heads) if first == 1 else [], count

    def _columns(self, rows: Iterable[list[Any]]) -> dict[int, list[Any]]:
        columns = enumerate(zip_longest(*rows, fillvalue=""))  # slices of a sheet need not be equally wide
        return {at: self._plain.column(cells) for at, cells in columns if any(cells) or _has_cells(cells)}

    def _line(self, content: list[Any]) -> None:
        line = memoryview(json.dumps(content).encode() + b"\n")
        self._left -= len(line)
        if self._left < 0:
            raise ChildError("memory", f"holds more text than the limit of {self._limit // MIB:,} MiB")
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError as error:
            raise _unwritable(error) from None


class Plain(dict[Any, Any]):
    """Makes text of what JSON does not know: dates and times as ISO 8601, truth values and durations as Python does."""

    def column(self, cells: Iterable[Any]) -> list[Any]:
        """Return cells as text and numbers."""
        cells = list(cells)
        if not {*map(type, cells)} & {*_TYPED}:
            return cells
        if len(self) > 10_000:
            self.clear()
        return [self[cell] if isinstance(cell, _TYPED) else cell for cell in cells]

    def __missing__(self, cell: Any) -> str:
        if isinstance(cell, datetime) and cell.time() == time.min:
            value = cell.date().isoformat()
        else:
            value = cell.isoformat() if isinstance(cell, date | time) else str(cell)
        self[cell] = value
        return value


def _has_cells(cells: Iterable[Any]) -> bool:
    return not {*cells} <= _BLANK


def _main_part(archive: zipfile.ZipFile) -> tuple[Element, str]:
    """Return the part that lists the sheets, and its folder (ECMA-376 part 1, 12.3.23)."""
    for relation in _xml(archive, "_rels/.rels"):
        if relation.get("Type", "").endswith("/officeDocument"):
            target = relation.get("Target", "").lstrip("/")
            return _xml(archive, target), target.rpartition("/")[0]
    return Element("workbook"), ""


def _sheet_parts(archive: zipfile.ZipFile, root: Element, folder: str) -> dict[str, str]:
    """Return {name of a sheet: name of the archive's member that holds it}."""
    relations = f"{folder}/_rels/workbook.xml.rels"
    targets = {part.get("Id", ""): part.get("Target", "") for part in _xml(archive, relations)}
    found = {}
    for sheet in root.iter():
        if _local(sheet.tag) == "sheet":
            target = next((targets.get(value, "") for key, value in sheet.items() if _local(key) == "id"), "")
            found[sheet.get("name", "")] = target.lstrip("/") if target.startswith("/") else f"{folder}/{target}"
    return found


def _xml(archive: zipfile.ZipFile, name: str) -> Element:
    root: Element = fromstring(archive.read(name)) if name in archive.namelist() else Element("none")
    return root


def _local(name: str) -> str:
    return name.rpartition("}")[2]


if __name__ == "__main__":
    serve(answer)
