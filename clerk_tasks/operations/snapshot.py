"""Write the ledger's history into an SQLite file for analysis, without secrets, with stored queries for Datasette."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime
from glob import escape
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, select

from clerk.database.operator_tables import acts_table
from clerk.database.tables import attempts_table, jobs_table, runs_table, schedule_slots_table, workers_table
from clerk.database.transactions import reading
from clerk.errors import ConflictError, UsageError
from clerk.fsync import ABANDONED, flush, remove_abandoned
from clerk.private import open_private
from clerk.redaction import storable
from clerk.settings import settings
from clerk_tasks.operations.snapshot_queries import QUERIES

#: What is written, by its name in the file.
SNAPSHOT_TABLES = {
    "runs": runs_table,
    "jobs": jobs_table,
    "attempts": attempts_table,
    "slots": schedule_slots_table,
    "workers": workers_table,
    "acts": acts_table,
}
#: "clrk" in ASCII: what SQLite keeps in the file's header, so that no other file is replaced.
APPLICATION_ID = 0x636C726B
#: What CLERK_BOARD_ARGUMENTS=hide hides.
_HIDDEN = (jobs_table.c.arguments, jobs_table.c.result)
_INDEXES = (
    "CREATE INDEX ix_jobs_run_id ON jobs (run_id)",
    "CREATE INDEX ix_jobs_job_type ON jobs (job_type, state)",
    "CREATE INDEX ix_attempts_job_id ON attempts (job_id)",
)
_AT_ONCE = 1000


def write_snapshot(file: Path) -> dict[str, int]:
    """Write the tables of one moment to a new file, and its queries to a `.metadata.json` beside; return row counts.

    An earlier snapshot is replaced. Raises ConflictError if the file is something else, UsageError if its folder is
    not there.
    """
    if not file.parent.is_dir():
        raise UsageError(f"{file.parent} is no folder.")
    if file.exists() and not _is_snapshot(file):
        raise ConflictError(f"{file} is not an earlier snapshot, and is left as it is: name another file.")
    unfinished = file.with_name(f".{file.name}.{os.getpid()}.unfinished")
    remove_abandoned(file.parent, f".{escape(file.name)}.*.unfinished", age=ABANDONED)
    try:
        open_private(unfinished, "w").close()
        with reading() as source, closing(sqlite3.connect(unfinished)) as target, target:
            target.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            counts = {name: _copy(source, table, target, name) for name, table in SNAPSHOT_TABLES.items()}
            for index in _INDEXES:
                target.execute(index)
        flush(unfinished)
        _write_metadata(file)
        unfinished.replace(file)
        flush(file.parent)
    finally:
        unfinished.unlink(missing_ok=True)
    return counts


def _is_snapshot(file: Path) -> bool:
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as found:
        return bool(found.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID)
    return False


def _copy(source: Connection, table: Table, target: sqlite3.Connection, name: str) -> int:
    hidden = _HIDDEN if settings().board_arguments == "hide" else ()
    columns = [column for column in table.columns if column not in hidden]
    names = ", ".join(f'"{column.name}"' for column in columns)
    keys = ", ".join(f'"{column.name}"' for column in table.primary_key)
    target.execute(f'CREATE TABLE "{name}" ({names}, PRIMARY KEY ({keys}))')
    places = ", ".join("?" * len(columns))
    rows = source.execution_options(yield_per=_AT_ONCE).execute(select(*columns))
    count = 0
    for some in rows.partitions():
        target.executemany(f'INSERT INTO "{name}" VALUES ({places})', map(tuple, map(_plain, some)))  # noqa: S608
        count += len(some)
    return count


def _plain(row: Any) -> Iterator[Any]:
    """Yield a row's values as SQLite takes them: times as ISO 8601 in UTC, JSON as text, and no secret."""
    for value in row:
        if isinstance(value, datetime):
            yield value.isoformat()
        elif isinstance(value, dict | list):
            yield storable(json.dumps(value, ensure_ascii=False))
        else:
            yield storable(value) if isinstance(value, str) else value


def _write_metadata(file: Path) -> None:
    """Write the stored queries as Datasette reads them, by the database's name."""
    content = {"databases": {file.stem: {"title": "Operations of clerk-tasks", "queries": QUERIES}}}
    beside = file.with_suffix(".metadata.json")
    with open_private(beside, "w") as written:
        json.dump(content, written, indent=2, ensure_ascii=False)
    flush(beside)
