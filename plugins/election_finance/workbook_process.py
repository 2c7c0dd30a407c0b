"""The program that touches the spreadsheet library: `python workbook_process.py FD`.

It answers {"path", "sheets"} with {"names"} of all sheets; then for each of "sheets" that there is some {"rows"}, each
[number, cells], without the blank ones, and {"end": sheet}.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any

from clerk.child_process import ChildError, Message, serve


def answer(request: Message) -> Iterator[Message]:
    """Read a workbook; ChildError where it is damaged."""
    from python_calamine import CalamineWorkbook  # after the memory limit is set

    what = "the workbook"
    try:
        with Path(request["path"]).open("rb") as file:
            book = CalamineWorkbook.from_filelike(file)
        yield {"names": book.sheet_names}
        for name in request["sheets"]:
            if name in book.sheet_names:
                what = f"sheet {name}"
                yield from ({"rows": rows} for rows in _rows(book.get_sheet_by_name(name)))
                yield {"end": name}
    except (MemoryError, GeneratorExit):
        raise
    except BaseException as error:  # the library is Rust, whose panics are not even Exceptions
        raise ChildError("damaged", f"{what} is damaged: {error}. Get the file again.") from None


def _rows(sheet: Any) -> Iterator[list[Any]]:
    rows = ([number, row] for number, row in enumerate(sheet.iter_rows(), 1) if any(c not in ("", None) for c in row))
    while batch := list(islice(rows, 500)):
        yield batch


def _plain(cell: object) -> str:
    """Return what JSON does not know: dates and times as ISO text, lengths of time as Python writes them."""
    if isinstance(cell, datetime) and cell.time() == time.min:
        cell = cell.date()
    return cell.isoformat() if isinstance(cell, date | time) else str(cell)


if __name__ == "__main__":
    serve(answer, _plain)
