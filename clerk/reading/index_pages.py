"""Brings the pages of a site in all-cities.db up to date: what is unchanged is neither read nor written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from clerk.publication import SOURCES, open_database
from clerk.reading.addresses import words

#: Table of a meetings.db -> the kind of its documents.
_KINDS = {"minutes": "minutes", "agendas": "agenda"}

#: How many pages are written in one transaction at least: readers wait for the end of it, not for the whole city.
_BATCH = 500


@dataclass(frozen=True, order=True, slots=True)
class _Document:
    """A document's key in the index; `stem` is its date, with a number if it is of a further meeting of that day."""

    kind: str
    meeting: str
    stem: str
    date: str

    @property
    def source(self) -> str:
        """Return its key in `clerk_sources`."""
        return f"{self.kind}/{self.meeting}/{self.stem}"


class _Page(NamedTuple):
    """A page of a published database, without its text."""

    table: str
    rowid: int
    number: int
    id: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class _About:
    """What is known of a document besides its pages."""

    sha256: str | None = None
    title: str | None = None
    body: str | None = None


def update_pages(index: sqlite3.Connection, path: Path, subdomain: str, *, now: str) -> None:
    """Bring the documents and pages of a site up to date with its published meetings.db; `now` is ISO 8601, UTC."""
    rows = index.execute(
        "SELECT document_id, kind, meeting, stem, date FROM documents WHERE subdomain = ?", [subdomain]
    )
    known = {_Document(*row[1:]): row[0] for row in rows}
    with closing(open_database(path, "ro")) as published:
        published.execute("BEGIN")
        known_of = _known(published)
        for batch in _batches(_documents(published)):
            index.execute("BEGIN IMMEDIATE")
            for document, pages in batch:
                key = known.pop(document, None) or _insert(index, subdomain, document, now)
                changed = _update(index, published, key, pages)
                about = known_of.get(document.source, _About())
                index.execute(
                    "UPDATE documents SET body = ?, title = ?, sha256 = ?, pages = ?, "
                    "changed_at = CASE WHEN ? THEN ? ELSE changed_at END WHERE document_id = ?",
                    [about.body or words(document.meeting), about.title, about.sha256, len(pages), changed, now, key],
                )
            index.execute("COMMIT")
    forget_documents(index, known.values())


def forget_documents(index: sqlite3.Connection, keys: Iterable[int]) -> None:
    """Remove documents with their pages, each in a transaction of its own."""
    for key in keys:
        index.execute("DELETE FROM documents WHERE document_id = ?", [key])


def _documents(published: sqlite3.Connection) -> Iterator[tuple[_Document, list[_Page]]]:
    for table, kind in _KINDS.items():
        rows = published.execute(
            f"SELECT rowid, page, id, content_hash, meeting, date, page_image FROM [{table}] "  # noqa: S608
            "WHERE page IS NOT NULL AND meeting IS NOT NULL AND date IS NOT NULL"
        )
        found = sorted(
            (_Document(kind, meeting, _stem(image) or date, date), _Page(table, rowid, number, key, content))
            for rowid, number, key, content, meeting, date, image in rows
        )
        for document, pages in groupby(found, lambda pair: pair[0]):
            yield document, list({page.number: page for _, page in pages}.values())


def _stem(page_image: str | None) -> str | None:
    """Return the name of a document's folder, which distinguishes a body's meetings of one day."""
    parts = (page_image or "").split("/")
    return unquote(parts[-2]) if len(parts) > 2 else None


def _batches(documents: Iterable[tuple[_Document, list[_Page]]]) -> Iterator[list[tuple[_Document, list[_Page]]]]:
    batch: list[tuple[_Document, list[_Page]]] = []
    pages = 0
    for document in documents:
        batch.append(document)
        pages += len(document[1])
        if pages >= _BATCH:
            yield batch
            batch, pages = [], 0
    if batch:
        yield batch


def _known(published: sqlite3.Connection) -> dict[str, _About]:
    """Return {document: what is known of it}; databases of earlier releases know less."""
    known: dict[str, _About] = {}
    with suppress(sqlite3.OperationalError):
        rows = published.execute(f"SELECT source, sha256, title FROM [{SOURCES}]")  # noqa: S608
        known = {source: _About(sha256, title) for source, sha256, title in rows}
    with suppress(sqlite3.OperationalError):
        for key, body in published.execute("SELECT document_id, body FROM document"):
            known[key] = replace(known.get(key, _About()), body=body)
    return known


def _insert(index: sqlite3.Connection, subdomain: str, document: _Document, now: str) -> int:
    cursor = index.execute(
        "INSERT INTO documents (subdomain, kind, meeting, stem, date, body, pages, first_published, changed_at) "
        "VALUES (?, ?, ?, ?, ?, '', 0, ?, ?)",
        [subdomain, document.kind, document.meeting, document.stem, document.date, now, now],
    )
    return int(cursor.lastrowid or 0)


def _update(index: sqlite3.Connection, published: sqlite3.Connection, key: int, pages: list[_Page]) -> bool:
    """Write the pages of a document that differ; return whether any did."""
    there = dict(index.execute("SELECT page, content_hash FROM pages WHERE document_id = ?", [key]).fetchall())
    changed = [page for page in pages if there.get(page.number) != page.content_hash]
    gone = there.keys() - {page.number for page in pages}
    for number in (*gone, *(page.number for page in changed if page.number in there)):
        index.execute("DELETE FROM pages WHERE document_id = ? AND page = ?", [key, number])
    for page in changed:
        (text,) = published.execute(f"SELECT text FROM [{page.table}] WHERE rowid = ?", [page.rowid]).fetchone()  # noqa: S608
        index.execute(
            "INSERT INTO pages (document_id, page, id, content_hash, text) VALUES (?, ?, ?, ?, ?)",
            [key, page.number, page.id, page.content_hash, text or ""],
        )
    return bool(changed or gone)
