"""The tables `meeting` and `document` and the view `page`: what a citation of a page needs.

They stand beside the tables of clerk 0.1.3, whose columns and ids other programs read.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clerk.compilation.pages import split_date
from clerk.text.tree import RECORD

#: A document of a site: its kind ("minutes" or "agenda"), its meeting's folder, and its date's.
Place = tuple[str, str, str]

#: Table of pages -> the kind of its documents.
KIND_OF_TABLE = {"minutes": "minutes", "agendas": "agenda"}

_TABLES = """
CREATE TABLE meeting (
    meeting_id TEXT PRIMARY KEY, body TEXT NOT NULL, date TEXT NOT NULL, number INTEGER NOT NULL, meeting_url TEXT,
    agenda_pages INTEGER NOT NULL, minutes_pages INTEGER NOT NULL
);
CREATE TABLE document (
    document_id TEXT PRIMARY KEY, meeting_id TEXT NOT NULL REFERENCES meeting(meeting_id), body TEXT NOT NULL,
    date TEXT NOT NULL, kind TEXT NOT NULL, title TEXT, pages INTEGER NOT NULL, document_url TEXT, file_url TEXT,
    fetched_at TEXT, sha256 TEXT, withdrawn TEXT, suffix TEXT, pictures_base TEXT
);
CREATE TABLE document_page (
    id TEXT PRIMARY KEY, document_id TEXT NOT NULL REFERENCES document(document_id)
) WITHOUT ROWID;
"""
_INDEXES = """
CREATE INDEX meeting_by_date ON meeting (date);
CREATE INDEX document_by_date ON document (date);
CREATE INDEX document_by_meeting ON document (meeting_id);
CREATE INDEX document_page_by_document ON document_page (document_id);
"""
_PAGES_OF = """
SELECT p.id, d.body, d.date, d.kind, p.page, d.pages, p.text, d.document_url, m.meeting_url,
       d.pictures_base || p.page_image AS image_url, d.file_url, d.fetched_at, d.sha256, p.content_hash,
       d.document_id, d.meeting_id
FROM {table} p JOIN document_page USING (id) JOIN document d USING (document_id) JOIN meeting m USING (meeting_id)
"""

_WORD_BEGINS = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SMALL = frozenset({"and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"})


@dataclass(frozen=True, slots=True)
class Origin:
    """What a city says of a document, as far as it is known; `meeting` is the folder of its meeting's date."""

    url: str | None = None
    meeting_url: str | None = None
    body: str | None = None
    title: str | None = None
    withdrawn: str | None = None
    meeting: str | None = None


@dataclass(slots=True)
class _Meeting:
    """A meeting, and how many pages each kind of its documents has."""

    body: str
    date: str
    number: int
    url: str | None
    pages: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KIND_OF_TABLE.values(), 0))


class Citations:
    """Collects the documents of a site while its pages are compiled."""

    def __init__(self, origins: Mapping[Place, Origin]) -> None:
        self._origins = origins
        self._meetings: dict[str, _Meeting] = {}
        self._documents: list[tuple[Any, ...]] = []
        self._pages: list[tuple[str, str]] = []

    def add(self, table: str, folder: Path, pages: Sequence[str]) -> None:
        """Add the document in `folder`, of which the rows of `table` with these ids are pages."""
        kind, meeting, folder_of_date = KIND_OF_TABLE[table], folder.parent.name, folder.name
        origin = self._origins.get((kind, meeting, folder_of_date), Origin())
        day, number = split_date(origin.meeting or folder_of_date)
        meeting_id, document_id = f"{meeting}/{origin.meeting or folder_of_date}", f"{kind}/{meeting}/{folder_of_date}"
        known = self._meetings.setdefault(
            meeting_id, _Meeting(origin.body or body_in_words(meeting), day, number, origin.meeting_url)
        )
        known.url = known.url or origin.meeting_url
        known.pages[kind] += len(pages)
        record = _record(folder)
        whose = (document_id, meeting_id, known.body, day, kind, origin.title, len(pages), origin.url, None)
        file = (record.get("fetched_at"), record.get("sha256"), origin.withdrawn, record.get("suffix"), None)
        self._documents.append((*whose, *file))
        self._pages.extend((page, document_id) for page in pages)

    def write(self, connection: sqlite3.Connection) -> None:
        """Make the tables and the view, in the open transaction."""
        _run(connection, _TABLES)
        meetings = (
            (meeting_id, known.body, known.date, known.number, known.url, known.pages["agenda"], known.pages["minutes"])
            for meeting_id, known in self._meetings.items()
        )
        connection.executemany("INSERT INTO meeting VALUES (?, ?, ?, ?, ?, ?, ?)", meetings)
        connection.executemany(
            "INSERT INTO document VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", self._documents
        )
        connection.executemany("INSERT INTO document_page VALUES (?, ?)", self._pages)
        _run(connection, _INDEXES)
        selects = " UNION ALL ".join(_PAGES_OF.format(table=table) for table in KIND_OF_TABLE)
        connection.execute(f"CREATE VIEW page AS {selects}")


def body_in_words(folder: str) -> str:
    """Return the name of a body from that of its folder: "Board of Commissioners" for BoardOfCommissioners."""
    words = _WORD_BEGINS.sub(" ", folder.replace("_", " ")).split()
    return " ".join(word.lower() if at and word.lower() in _SMALL else word for at, word in enumerate(words)) or folder


def _record(folder: Path) -> dict[str, Any]:
    """Return what is known of the file that a document was read from; {} if nothing is."""
    try:
        known = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _run(connection: sqlite3.Connection, statements: str) -> None:
    # executescript would commit first.
    for statement in statements.split(";\n"):
        if statement.strip():
            connection.execute(statement)
