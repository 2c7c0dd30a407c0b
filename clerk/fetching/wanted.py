"""A document that a fetcher wants, and where it belongs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from clerk.fetching.failure_notes import DocumentPlace
from clerk.fetching.fetch_state import Record, kind_of_key
from clerk.fetching.listing import PublishedFile


@dataclass(frozen=True, slots=True)
class WantedDocument:
    """One file of one meeting, and where it belongs."""

    meeting: str
    stem: str
    day: date
    key: str  # in the state's records
    file: PublishedFile
    body: str = ""  # in words
    meeting_url: str = ""

    @property
    def name(self) -> str:
        """Return its name for people."""
        return f"{self.meeting}/{self.stem} ({self.file.kind})"

    @property
    def place(self) -> DocumentPlace:
        """Return where it belongs in the layout."""
        return (self.file.kind, self.meeting, self.stem)


def owed_document(key: str, record: Record) -> WantedDocument:
    """Return a document that the source did not list this time, from its record."""
    meeting, _, stem = record.where.rpartition("/")
    file = PublishedFile(kind_of_key(key), record.owed or "", record.version, title=record.title or "")
    return WantedDocument(meeting, stem, date.fromisoformat(stem[:10]), key, file)
