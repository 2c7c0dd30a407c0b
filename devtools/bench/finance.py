"""One passage of the finance bench, in a process of its own: `python -m devtools.bench.finance bare|ours FOLDER`.

It prints JSON: the seconds, the CPU seconds of the process and its children, and how often a workbook was opened.
"""

from __future__ import annotations

import json
import resource
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import date
from datetime import time as clock_time
from pathlib import Path
from typing import Any

SITE = "bench.ca"


def drop_of(folder: Path) -> Path:
    """Return where the workbooks of a passage are."""
    return folder / "sites" / SITE / "finance" / "drop"


def bare(folder: Path) -> int:
    """Load the workbooks as one would write it down first: one table a sheet, its columns, its cells.

    Return how many workbooks were opened.
    """
    from python_calamine import CalamineWorkbook

    opened = 0
    with closing(sqlite3.connect(folder / "bare.db")) as connection:
        for path in sorted(drop_of(folder).iterdir()):
            opened += 1
            with path.open("rb") as file:
                book = CalamineWorkbook.from_filelike(file)
                for name in book.sheet_names:
                    heads, *rows = book.get_sheet_by_name(name).to_python()
                    table = f'"{path.stem} {name}"'
                    columns = ", ".join(f'"{head}"' for head in heads)
                    connection.execute(f"CREATE TABLE {table} ({columns})")
                    places = ", ".join("?" * len(heads))
                    connection.executemany(f"INSERT INTO {table} VALUES ({places})", (plain(row) for row in rows))
            connection.commit()
    return opened


def plain(row: list[Any]) -> list[Any]:
    """Return a row as SQLite takes it."""
    return [cell.isoformat() if isinstance(cell, date | clock_time) else cell for cell in row]


def ours(_folder: Path) -> int:
    """Load the same workbooks from the drop folder to the published database; return how many were opened."""
    from plugins.election_finance.processor import FinanceProcessor

    opened = 0

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal opened
        opened += event == "subprocess.Popen" and "workbook_process" in str(arguments[1])

    sys.addaudithook(note)
    FinanceProcessor(SITE).run()
    return opened


def main() -> None:
    """Make the passage that the command line names."""
    passages: dict[str, Callable[[Path], int]] = {"bare": bare, "ours": ours}
    passage, folder = passages[sys.argv[1]], Path(sys.argv[2])
    before, began = cpu(), time.perf_counter()
    opened = passage(folder)
    seconds = time.perf_counter() - began
    sys.stdout.write(json.dumps({"seconds": seconds, "cpu": cpu() - before, "opened": opened}))


def cpu() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main()
