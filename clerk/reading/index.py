"""Brings all-cities.db up to date with what is published of a site: only pages that changed are written."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from clerk.publication import open_database, provenance
from clerk.reading.index_pages import forget_documents, update_pages
from clerk.reading.index_schema import index_connection, shape_of
from clerk.reading.published import INDEX, PublishedDatabase, files_of, published_files

_DOCUMENTS = "SELECT document_id FROM documents WHERE subdomain = ?"


def update_index(folder: Path, subdomains: Iterable[str]) -> bool:
    """Bring the index of a published folder up to date for some sites; return whether something was out of date.

    Sites that the index does not know at all are added. What is published unchanged is not read again. An interrupted
    update goes on where it was at the next one.
    """
    with index_connection(folder / INDEX) as index:
        before = index.total_changes
        known = {name for (name,) in index.execute("SELECT name FROM databases")}
        unknown = [file.subdomain for file in published_files(folder) if file.name not in known]
        for subdomain in dict.fromkeys([*subdomains, *unknown]):
            for file, content in _changed_databases(index, folder, subdomain):
                if file.kind == "meetings":
                    update_pages(index, file.path, subdomain, now=_moment())
                _record(index, file, content)
        return index.total_changes > before


def forget_unpublished(folder: Path) -> None:
    """Remove from the index each database that is no longer published, with its pages."""
    names = {file.name for file in published_files(folder)}
    with index_connection(folder / INDEX) as index:
        for name, subdomain, kind in index.execute("SELECT name, subdomain, kind FROM databases").fetchall():
            if name not in names:
                _forget(index, name, subdomain, kind)


def _forget(index: sqlite3.Connection, name: str, subdomain: str, kind: str) -> None:
    if kind == "meetings":
        forget_documents(index, [key for (key,) in index.execute(_DOCUMENTS, [subdomain])])
    index.execute("DELETE FROM databases WHERE name = ?", [name])


def _changed_databases(
    index: sqlite3.Connection, folder: Path, subdomain: str
) -> Iterator[tuple[PublishedDatabase, str]]:
    """Yield a site's databases that the index does not know as they are, each with what identifies its content.

    Databases that are gone are forgotten.
    """
    files = {file.name: file for file in files_of(folder, subdomain)}
    rows = index.execute("SELECT name, kind, content_hash FROM databases WHERE subdomain = ?", [subdomain]).fetchall()
    known = {name: content for name, _, content in rows}
    for name, kind, _ in rows:
        if name not in files:
            _forget(index, name, subdomain, kind)
    for name, file in files.items():
        if known.get(name) != (content := _content(file.path)):
            yield file, content


def _content(path: Path) -> str:
    """Return what identifies a database's content."""
    found = provenance(path)
    status = path.stat()
    return found.content_hash if found else f"{status.st_size}-{status.st_mtime_ns}"


def _record(index: sqlite3.Connection, file: PublishedDatabase, content: str) -> None:
    with closing(open_database(file.path, "ro")) as connection:
        tables = shape_of(connection)
    found = provenance(file.path)
    published_at = _moment(found.stamped_at if found else None)
    index.execute(
        "INSERT OR REPLACE INTO databases VALUES (?, ?, ?, ?, ?, ?)",
        [file.name, file.subdomain, file.kind, content, json.dumps(tables), published_at],
    )


def _moment(moment: datetime | None = None) -> str:
    return (moment or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds")
