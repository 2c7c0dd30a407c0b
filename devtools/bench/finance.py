"""One passage of the finance bench, in a process of its own.

`python -m devtools.bench.finance bare|ours SOURCE FOLDER` prints JSON: the seconds, the CPU seconds of the process and
its children, and how many files were opened.
"""

from __future__ import annotations

import csv
import json
import resource
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
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


def bare_texts(folder: Path) -> int:
    """Load text files as one would write it down first: one table a kind of row, its cells as text."""
    opened = 0
    with closing(sqlite3.connect(folder / "bare.db")) as connection:
        for path in sorted(drop_of(folder).iterdir()):
            opened += 1
            for kind, rows in (_findings_of(path) if path.suffix == ".json" else _records_of(path)).items():
                width = max(map(len, rows))
                columns = ", ".join(f"c{at}" for at in range(width))
                connection.execute(f'CREATE TABLE IF NOT EXISTS "{kind}{width}" ({columns})')
                insert = f'INSERT INTO "{kind}{width}" VALUES ({", ".join("?" * width)})'
                connection.executemany(insert, (row + [""] * (width - len(row)) for row in rows))
        connection.commit()
    return opened


def _records_of(path: Path) -> dict[str, list[list[str]]]:
    """Return the records of a CSV by kind: of an e-filing its first cell, else the columns of the file."""
    found: dict[str, list[list[str]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for record in csv.reader(file):
            found.setdefault(record[0] if path.suffix == ".txt" else path.stem, []).append(record)
    return found


def _findings_of(path: Path) -> dict[str, list[list[str]]]:
    return {"rows": [list(row.values()) for row in json.loads(path.read_text(encoding="utf-8"))["rows"]]}


def plain(row: list[Any]) -> list[Any]:
    """Return a row as SQLite takes it."""
    return [cell.isoformat() if isinstance(cell, date | clock_time) else cell for cell in row]


def ours_search(folder: Path) -> int:
    """Load stored findings of a search, which come from no drop folder, to the published database."""
    from clerk.fsync import hash_file
    from plugins.election_finance import manifest
    from plugins.election_finance.processor import FinanceProcessor

    (path,) = drop_of(folder).iterdir()
    processor = FinanceProcessor(SITE)
    processor.site.raw.mkdir(parents=True, exist_ok=True)
    source = manifest.SourceFile(None, "connect2", "bench", "ok", file=path.name, format=manifest.SEARCH)
    source = replace(source, sha256=hash_file(path), rows=1)
    shutil.copyfile(path, processor.site.raw / path.name)
    made = manifest.make(processor.site.agency, processor.site.municipality, [source])
    processor.site.manifest.write_text(replace(made, outcome="changed").to_json(), encoding="utf-8")
    processor.transform()
    processor.load()
    return 1


def ours(_folder: Path) -> int:
    """Load the same files from the drop folder to the published database; return how many workbooks were opened."""
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
    which, source, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    bares: dict[str, Callable[[Path], int]] = {"workbook": bare}
    our_own: dict[str, Callable[[Path], int]] = {"search": ours_search}
    passage = bares.get(source, bare_texts) if which == "bare" else our_own.get(source, ours)
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
