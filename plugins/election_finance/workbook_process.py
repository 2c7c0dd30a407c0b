"""The program that touches the spreadsheet library: a workbook comes in on stdin, the cells of its sheets go out.

`python child.py MEMORY SECONDS OUTPUT SHEET…` writes JSON, a line each: the names of all sheets; then for every SHEET
that there is its rows, [number, cells], without the blank ones, and null; or at any point {"error": …} and no more.
It is a process of its own, under limits, since a library that runs out of memory takes its process with it.
"""

from __future__ import annotations

import errno
import io
import json
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, time
from typing import Any

#: How it ends when a limit was reached that did not kill it.
TOO_MUCH = 3


def main() -> None:
    """Answer once."""
    memory, seconds, output, *wanted = sys.argv[1:]
    limits = {"AS": int(memory), "CPU": int(seconds), "FSIZE": int(output), "CORE": 0}
    for name, limit in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        with suppress(ValueError, OSError):  # macOS refuses some, and an inherited one may be lower
            resource.setrlimit(kind, (limit, resource.getrlimit(kind)[1]))
    try:
        for line in _answer(sys.stdin.buffer.read(), wanted):
            sys.stdout.write(json.dumps(line, default=_plain) + "\n")
        sys.stdout.flush()
    except (MemoryError, OSError) as error:
        told_too_much = isinstance(error, MemoryError) or error.errno == errno.EFBIG
        os._exit(TOO_MUCH if told_too_much else 1)  # what is left in the buffers must not be written


def _answer(content: bytes, wanted: list[str]) -> Iterator[Any]:
    from python_calamine import CalamineWorkbook  # after the memory limit is set

    what = "the workbook"
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        yield book.sheet_names
        for what in (f"sheet {name}" for name in wanted if name in book.sheet_names):
            yield from _rows(book.get_sheet_by_name(what.removeprefix("sheet ")))
            yield None
    except (MemoryError, GeneratorExit):
        raise
    except BaseException as error:  # the library is Rust, whose panics are not even Exceptions
        yield {"error": f"{what} is damaged: {error}. Get the file again."}


def _rows(sheet: Any) -> Iterator[Any]:
    for number, row in enumerate(sheet.iter_rows(), start=1):
        if any(cell not in ("", None) for cell in row):
            yield number, row


def _plain(cell: object) -> str:
    """Return what JSON does not know: dates and times as ISO text, lengths of time as Python writes them."""
    if isinstance(cell, datetime) and cell.time() == time.min:
        cell = cell.date()
    return cell.isoformat() if isinstance(cell, date | time) else str(cell)


if __name__ == "__main__":
    main()
