"""Gets the documents of a list of meetings: each once, again when it has changed, and none twice after a crash."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

from clerk.download import NotServed, Trouble, Visitor
from clerk.fetching.layout import Layout
from clerk.fetching.sources import Meeting, PublishedFile
from clerk.fetching.state import FetchState, Record
from clerk.jobs import current_job
from clerk.output import ClerkLogger

#: Where a source does not tell of changes, or did not serve a file, it is asked again for meetings up to this old.
SETTLED = timedelta(days=45)

#: This many documents in a row that cannot be had mean that the server is down.
DOWN = 5

#: How long the memory may be behind what is on disk, in seconds: a crash then costs asking for less than that again.
SAVE_EVERY = 5.0


@dataclass
class Report:
    """What became of the documents; each list holds paths or reasons for people to read."""

    fetched: list[str] = field(default_factory=list)
    revised: list[str] = field(default_factory=list)
    unchanged: int = 0
    unavailable: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Sum it up in a line."""
        return (
            f"{len(self.fetched)} new, {len(self.revised)} revised, {self.unchanged} unchanged, "
            f"{len(self.unavailable)} not available, {len(self.failed)} failed"
        )


@dataclass(frozen=True, slots=True)
class Document:
    """One file of one meeting, and where it belongs."""

    meeting: str
    stem: str
    day: date
    key: str  # in the memory
    file: PublishedFile

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.meeting}/{self.stem} ({self.file.kind})"


class Collector:
    """Collects one site's documents; `state` is kept in `file` as it goes."""

    def __init__(self, layout: Layout, state: FetchState, *, file: Path, visitor: Visitor, logger: ClerkLogger) -> None:
        self.layout, self.state, self.file, self.visitor, self.logger = layout, state, file, visitor, logger
        self.report = Report()
        self._saved = 0.0
        self._failures = 0  # in a row

    def documents(self, meetings: Sequence[Meeting], *, agendas_from: date) -> list[Document]:
        """Name every document that is wanted: all minutes; agendas from a day on, and those that we have already."""
        found = []
        for meeting in sorted(meetings, key=lambda meeting: (meeting.day, meeting.event_id.zfill(20))):
            stem = self.state.stem(meeting.body, meeting.day, meeting.event_id)
            for file in meeting.files:
                key = f"{meeting.event_id}/{file.kind}"
                if file.kind == "minutes" or meeting.day >= agendas_from or key in self.state.records:
                    found.append(Document(meeting.body, stem, meeting.day, key, file))
        return found

    def collect(self, documents: Sequence[Document]) -> Report:
        """Get what is new or has changed. What fails is reported; Trouble if the server seems to be down."""
        job = current_job()
        self.layout.sweep()
        self.save()
        for number, document in enumerate(documents, start=1):
            job.checkpoint()
            job.progress(f"document {number} of {len(documents)}: {document.name}")
            self._collect(document)
            if time.monotonic() > self._saved + SAVE_EVERY:
                self.save()
        return self.report

    def save(self) -> None:
        """Put the memory into its file, if this attempt still owns the job."""
        temporary = self.layout.temporary()
        temporary.write_text(self.state.dump())
        current_job().commit_files({temporary: self.file})
        self._saved = time.monotonic()

    def _collect(self, document: Document) -> None:
        record = self._record(document)
        if self._is_current(document, record):
            self.report.unchanged += 1
            return
        try:
            self._download(document, record)
            self._failures = 0
        except NotServed as error:
            self.state.records[document.key] = Record(
                self._where(document), document.file.version, unavailable=str(error)
            )
            self._note(self.report.unavailable, document, error)
        except Trouble as error:
            self._note(self.report.failed, document, error)
            self._failures += 1
            if self._failures >= DOWN or (error.after or 0) > self.visitor.limits.longest_wait:
                self.save()
                raise

    def _record(self, document: Document) -> Record | None:
        """Return what is remembered of a document; one that is there but unknown is taken for what is published."""
        record = self.state.records.get(document.key)
        if record is not None and record.where == self._where(document):
            return record
        if not self._is_there(document):
            return None
        waiting = self.layout.pdf(document.file.kind, document.meeting, document.stem)
        digest = _digest(waiting) if waiting.exists() else None
        adopted = self.state.records[document.key] = Record(self._where(document), document.file.version, sha256=digest)
        return adopted

    def _is_current(self, document: Document, record: Record | None) -> bool:
        if record is None or not (record.unavailable or self._is_there(document)):
            return False
        settled = document.day < date.today() - SETTLED
        if record.unavailable or document.file.version is None:
            return settled and record.version == document.file.version
        return record.version == document.file.version

    def _download(self, document: Document, record: Record | None) -> None:
        temporary = self.layout.temporary()
        try:
            self._download_to(temporary, document, record)
        finally:
            temporary.unlink(missing_ok=True)

    def _download_to(self, temporary: Path, document: Document, record: Record | None) -> None:
        had = record if record and not record.unavailable and self._is_there(document) else None
        stamp = self.visitor.download(document.file.url, temporary, known=had.stamp if had else None)
        seen = Record(self._where(document), document.file.version)
        if had and stamp is None:
            self._keep(document, replace(had, version=seen.version))
            return
        digest = _digest(temporary)
        if stamp:
            seen = replace(seen, etag=stamp.etag, last_modified=stamp.last_modified, sha256=digest)
        if had and had.sha256 == digest:
            self._keep(document, seen)
            return
        self._put(document, temporary)
        self.state.records[document.key] = seen
        (self.report.revised if had else self.report.fetched).append(document.name)

    def _put(self, document: Document, temporary: Path) -> None:
        """Move a document to where it waits to be read; that an older version was read no longer counts."""
        place = (document.file.kind, document.meeting, document.stem)
        with current_job().fence():
            self.layout.processed(*place).unlink(missing_ok=True)
        current_job().commit_files({temporary: self.layout.pdf(*place)})

    def _keep(self, document: Document, record: Record) -> None:
        self.state.records[document.key] = record
        self.report.unchanged += 1

    def _note(self, reasons: list[str], document: Document, error: Exception) -> None:
        reasons.append(f"{document.name}: {error}")
        self.logger.log(
            f"{document.name}: {error}",
            level="warning",
            meeting=document.meeting,
            date=document.stem,
            url=document.file.url,
        )

    def _is_there(self, document: Document) -> bool:
        place = (document.file.kind, document.meeting, document.stem)
        return self.layout.exists(*place) or self.layout.text(*place).exists()

    def _where(self, document: Document) -> str:
        return f"{document.meeting}/{document.stem}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
