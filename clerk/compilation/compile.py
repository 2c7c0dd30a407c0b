"""From a site's tree of texts to its meetings.db: one row a page, lasting ids, full-text search."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any

from clerk.compilation.citations import KIND_OF_TABLE, Citations, Origin, Place
from clerk.compilation.pages import (
    MeetingDateGroup,
    PageFile,
    collect_page_files,
    documents,
    extraction_of,
    group_pages_by_meeting_date,
    hash_text_content,
    without_repeats,
)
from clerk.errors import ClerkError
from clerk.publication import open_database

__all__ = [
    "Compiled",
    "Counts",
    "MeetingDateGroup",
    "PageFile",
    "build_table_from_text",
    "collect_page_files",
    "compile_meetings",
    "create_meetings_schema",
    "group_pages_by_meeting_date",
    "hash_text_content",
    "legacy_page_id",
    "page_id",
]

#: Table -> where its texts lie, below the site's folder.
TABLES = {"minutes": "txt", "agendas": "_agendas/txt"}

#: A packet -> the document whose pages it repeats.
Packets = Mapping[Place, Place]

COLUMNS = {
    "id": "TEXT PRIMARY KEY",
    "legacy_id": "TEXT",
    "content_hash": "TEXT",
    "meeting": "TEXT",
    "date": "TEXT",
    "page": "INTEGER",
    "text": "TEXT",
    "page_image": "TEXT",
    "entities_json": "TEXT",
    "votes_json": "TEXT",
}
#: What the databases that hold many sites have besides.
AGGREGATE_COLUMNS = {"subdomain": "TEXT", "municipality": "TEXT"}

#: Column -> key of an extraction, and what stands there without one.
EXTRACTED = {
    "entities_json": ("entities", json.dumps({"persons": [], "orgs": [], "locations": []})),
    "votes_json": ("votes", json.dumps({"votes": []})),
}


@dataclass(frozen=True, slots=True)
class Counts:
    """What a table got: pages, documents, and pages that come with an extraction."""

    pages: int = 0
    documents: int = 0
    extracted: int = 0


@dataclass(frozen=True, slots=True)
class Compiled:
    """A finished database, and what is in it."""

    path: Path
    minutes: Counts
    agendas: Counts

    @property
    def pages(self) -> int:
        """Count the pages of both tables."""
        return self.minutes.pages + self.agendas.pages


def compile_meetings(
    site_dir: Path,
    subdomain: str,
    *,
    municipality: str | None = None,
    packets: Packets = MappingProxyType({}),
    origins: Mapping[Place, Origin] = MappingProxyType({}),
    into: Path,
) -> Compiled:
    """Build a site's meetings.db as the new file `into`, for the caller to put in place of the published one.

    The same tree gives the same bytes. A `municipality` adds the columns of databases that hold many sites. Pages of
    `packets` that repeat a page of the document that the packet is made from are left out. `origins` are what is known
    of where documents are from, for the tables of `clerk.compilation.citations`.
    Raises ClerkError if the result is not sound; no file is left then.
    """
    into.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(into, isolation_level=None)) as connection:
            # Nobody reads the file yet, and a crash throws it away.
            connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN")
            create_meetings_schema(connection)
            citations = Citations(origins)
            minutes, agendas = (
                build_table_from_text(
                    subdomain,
                    site_dir / folder,
                    connection,
                    table,
                    municipality,
                    packets=_of_table(packets, table),
                    citations=citations,
                )
                for table, folder in TABLES.items()
            )
            citations.write(connection)
            _index(connection)
            connection.execute("COMMIT")
            _check(connection, into)
    except BaseException:
        into.unlink(missing_ok=True)
        raise
    return Compiled(into, minutes, agendas)


def count_pages(path: Path) -> int:
    """Count the pages in a meetings.db, also of an older program."""
    with closing(open_database(path, "ro")) as connection:
        return sum(connection.execute(f"SELECT count(*) FROM [{table}]").fetchone()[0] for table in TABLES)  # noqa: S608


def create_meetings_schema(db: Any) -> None:
    """Create the tables minutes and agendas; `db` is a sqlite3 connection or a sqlite_utils.Database."""
    connection = _connection(db)
    columns = ",\n".join(f"   [{name}] {kind}" for name, kind in COLUMNS.items())
    for table in TABLES:
        connection.execute(f"CREATE TABLE [{table}] (\n{columns}\n)")
        connection.execute(f"CREATE INDEX [idx_{table}_legacy_id] ON [{table}] ([legacy_id])")


def build_table_from_text(
    subdomain: str,
    txt_dir: str | Path,
    db: Any,
    table_name: str,
    municipality: str | None = None,
    *,
    packets: Mapping[tuple[str, str], tuple[str, str]] = MappingProxyType({}),
    citations: Citations | None = None,
) -> Counts:
    """Add a row for each page of a tree of texts, and count; a page that is there already is replaced.

    `packets` is {(meeting, date): (meeting, date) of the document whose pages it repeats}; those pages get no row.
    Commits, unless the caller has begun a transaction.
    """
    connection = _connection(db)
    nested = connection.in_transaction
    if municipality:
        _add_aggregate_columns(connection, table_name)
    counts = Counts()
    said = without_repeats(documents(Path(txt_dir)), packets)
    for folder, pages in said:
        extractions = [extraction_of(folder, page) for page in pages]
        rows = [
            _row(page, cached, table_name, subdomain, municipality)
            for page, cached in zip(pages, extractions, strict=True)
        ]
        names, values = ", ".join(f"[{name}]" for name in rows[0]), ", ".join(f":{name}" for name in rows[0])
        connection.executemany(f"INSERT OR REPLACE INTO [{table_name}] ({names}) VALUES ({values})", rows)  # noqa: S608
        if citations is not None:
            citations.add(table_name, folder, [str(row["id"]) for row in rows])
        extracted = len(extractions) - extractions.count(None)
        counts = Counts(counts.pages + len(pages), counts.documents + 1, counts.extracted + extracted)
    if not nested:
        connection.commit()
    return counts


def page_id(kind: str, meeting: str, date: str, page: int, subdomain: str) -> str:
    """Return the id of a row, which outlives a new reading of its page; `kind` is "minutes" or "agenda"."""
    return _digest(kind=kind, meeting=meeting, date=date, page=page, subdomain=subdomain)[:20]


def legacy_page_id(kind: str, meeting: str, date: str, page: int, text: str, **of_aggregate: str) -> str:
    """Return the id that releases up to 0.1.2 gave; by the column legacy_id, links to it still find the page."""
    return _digest(kind=kind, meeting=meeting, date=date, page=page, text=text, **of_aggregate)[:12]


def _digest(**key: str | int) -> str:
    return sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()


def _of_table(packets: Packets, table: str) -> dict[tuple[str, str], tuple[str, str]]:
    kind = KIND_OF_TABLE[table]
    return {packet[1:]: main[1:] for packet, main in packets.items() if packet[0] == kind}


def _row(
    page: PageFile, extraction: dict[str, Any] | None, table: str, subdomain: str, municipality: str | None
) -> dict[str, str | int]:
    kind, prefix = KIND_OF_TABLE.get(table, "minutes"), "/_agendas" if table == "agendas" else ""
    of_aggregate = {"subdomain": subdomain, "municipality": municipality} if municipality else {}
    return {
        "id": page_id(kind, page.meeting, page.date, page.page_num, subdomain),
        "legacy_id": legacy_page_id(kind, page.meeting, page.date, page.page_num, page.text, **of_aggregate),
        "content_hash": hash_text_content(page.text),
        "meeting": page.meeting,
        "date": page.day,
        "page": page.page_num,
        "text": page.text,
        "page_image": prefix + page.page_image_path,
        **{
            column: json.dumps(extraction[key]) if extraction and key in extraction else nothing
            for column, (key, nothing) in EXTRACTED.items()
        },
        **of_aggregate,
    }


def _connection(db: Any) -> sqlite3.Connection:
    connection: sqlite3.Connection = getattr(db, "conn", db)
    return connection


def _add_aggregate_columns(connection: sqlite3.Connection, table: str) -> None:
    there = {name for _, name, *_ in connection.execute(f"PRAGMA table_info([{table}])")}
    for name, kind in AGGREGATE_COLUMNS.items():
        if name not in there:
            connection.execute(f"ALTER TABLE [{table}] ADD COLUMN [{name}] {kind}")


def _index(connection: sqlite3.Connection) -> None:
    """Make {table}_fts over the texts; it goes by rowid, so a VACUUM, which renumbers, would break it."""
    for table in TABLES:
        connection.execute(f"CREATE VIRTUAL TABLE [{table}_fts] USING FTS5 (\n    [text],\n    content=[{table}]\n)")
        for command in ("rebuild", "optimize"):
            connection.execute(f"INSERT INTO [{table}_fts] ([{table}_fts]) VALUES (?)", [command])  # noqa: S608


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Raise ClerkError unless SQLite finds the file, and each search index against its table, in order."""
    try:
        found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
        for table in TABLES:
            connection.execute(f"INSERT INTO [{table}_fts] ([{table}_fts], rank) VALUES ('integrity-check', 1)")  # noqa: S608
    except sqlite3.DatabaseError as error:
        found = [str(error)]
    if found != ["ok"]:
        raise ClerkError(f"{path} came out damaged ({found[0]}): check the disk, then compile again")
