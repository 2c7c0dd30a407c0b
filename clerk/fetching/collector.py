"""Download the documents of a list of meetings: each once, and again when it has changed, also after a crash."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from clerk.fetching.failure_notes import DocumentPlace, forget_download, given_up_by, owed_file
from clerk.fetching.fetch_state import FetchState, Record
from clerk.fetching.layout import Layout
from clerk.fetching.listing import Meeting, Window
from clerk.fetching.origins import note_origin
from clerk.fetching.report import DOWN, FetchReport
from clerk.fetching.response_body import suffix_of
from clerk.fetching.vanished import take_over, vanished
from clerk.fetching.visitor import NotServed, Trouble, Visitor
from clerk.fetching.wanted import WantedDocument, owed_document
from clerk.fetching.withdrawal import is_taken_down, mark_of, mark_withdrawn, remove_files, take_down, unmark
from clerk.fsync import hash_file
from clerk.jobs import current_job
from clerk.output import ClerkLogger

#: Files without a version, and files that were not served, are asked for again until their meeting is this old.
SETTLED = timedelta(days=45)

#: How often the state is saved, in seconds: after a crash, downloads of this time are asked for again.
SAVE_EVERY = 5.0


class Collector:
    """Downloads one site's documents, saves `state` to `file` as it goes, and counts the outcomes in `report`."""

    def __init__(
        self,
        layout: Layout,
        state: FetchState,
        *,
        file: Path,
        report: FetchReport,
        visitor: Visitor,
        logger: ClerkLogger,
        today: date,
        owed_now: bool = False,
        again: Collection[DocumentPlace] = (),
        take_down: bool = False,
        on_document: Callable[[DocumentPlace], object] = lambda _place: None,
    ) -> None:
        """Take `on_document`, to call with each document that is in its place and may be read."""
        self.layout, self.state, self.file, self.report = layout, state, file, report
        self.visitor, self.logger = visitor, logger
        self.today, self.owed_now, self.again = today, owed_now, again
        self.take_down, self.on_document = take_down, on_document
        self._saved = 0.0
        self._failures = 0  # in a row
        self._vanished: set[str] = set()

    def documents(
        self, meetings: Sequence[Meeting], *, agendas_from: date, complete: Window | None = None
    ) -> list[WantedDocument]:
        """Return every wanted document: all minutes, agendas from a day on, and agendas that were fetched before.

        Also those that earlier fetches could not get, however old they are. What is missing from the list of a
        `complete` window is marked as withdrawn.
        """
        if complete is not None:
            take_over(self.state, meetings, complete)
        found, listed = [], set()
        ordered = sorted(meetings, key=lambda meeting: (meeting.day, meeting.event_id.zfill(20)))
        for meeting in ordered:  # before the parts of any: of two meetings on one day the second is .2
            self.state.stem(meeting.body, meeting.day, meeting.event_id)
        for meeting in ordered:
            for file in meeting.files:
                key = "/".join(filter(None, (meeting.event_id, file.kind, file.part)))
                part = f"{meeting.event_id}/{file.part}" if file.part else meeting.event_id
                stem = self.state.stem(meeting.body, meeting.day, part)
                listed.add(key)
                document = WantedDocument(meeting.body, stem, meeting.day, key, file, meeting.listed_as, meeting.url)
                known = key in self.state.records or document.place in self.again
                if file.kind == "minutes" or meeting.day >= agendas_from or known:
                    found.append(document)
        self._mark(listed, complete)
        found = [document for document in found if not is_taken_down(self.layout, document.place)]
        owed = {key: record for key, record in self.state.records.items() if record.owed and key not in listed}
        return found + [owed_document(key, record) for key, record in owed.items()]

    def _mark(self, listed: Collection[str], complete: Window | None) -> None:
        """Mark what is no longer listed as withdrawn, and what is listed again as not."""
        self._vanished = set(vanished(self.state, listed, complete)) if complete is not None else set()
        for key, record in self.state.records.items():
            if key in self._vanished and record.withdrawn is None and not record.unavailable:
                self.state.records[key] = replace(record, withdrawn=self.today.isoformat(), owed=None)
            elif key in listed and record.withdrawn is not None:
                self.state.records[key] = replace(record, withdrawn=None)
                if not is_taken_down(self.layout, record.place(key)):
                    unmark(self.layout, record.place(key))

    def _withdraw(self) -> None:
        """Mark the documents that vanished now, or take them down: after the downloads, which show what has moved."""
        for key in sorted(self._vanished & self.state.records.keys()):
            record = self.state.records[key]
            place = record.place(key)
            if record.withdrawn != self.today.isoformat() or mark_of(self.layout, place) or not self._has_files(place):
                continue
            name = f"{record.where} ({place[0]})"
            self.report.withdrawn.append(name)
            self.logger.log(f"{name}: the city no longer lists it", level="warning")
            if self.take_down:
                take_down(self.layout, place, self.today)
            else:
                mark_withdrawn(self.layout, place, self.today)

    def _has_files(self, place: DocumentPlace) -> bool:
        return self.layout.exists(*place) or self.layout.text(*place).exists()

    def collect(self, documents: Sequence[WantedDocument]) -> None:
        """Download what is new or has changed, and report failures; Trouble if the server seems to be down.

        Documents that failed before come last, so that they delay nothing else.
        """
        job = current_job()
        self.layout.sweep()
        self.save()
        for number, document in enumerate(sorted(documents, key=self._is_owed), start=1):
            job.checkpoint()
            job.progress(f"document {number} of {len(documents)}: {document.name}")
            if not self._collect(document):
                return
            if time.monotonic() > self._saved + SAVE_EVERY:
                self.save()
        self._withdraw()

    def save(self) -> None:
        """Save the state, if this attempt still owns the job."""
        temporary = self.layout.temporary()
        temporary.write_text(self.state.dump(), encoding="utf-8")
        owed = self.state.owed
        listed = self.layout.temporary()
        listed.write_text(json.dumps(sorted(owed)), encoding="utf-8")
        current_job().commit_files({temporary: self.file, listed: owed_file(self.layout)})
        self.report.owed = len(owed)
        self._saved = time.monotonic()

    def _collect(self, document: WantedDocument) -> bool:
        """Download one document, if it is not current; return False if the server seems to be down."""
        record = self._record(document)
        if record is not None and self._is_current(document, record):
            self._keep(document, replace(record, title=document.file.title or record.title))
            self._note_origin(document)
            return True
        self.report.asked += 1
        before = record or self.state.records.get(document.key) or self._new(document)
        try:
            self._download(document, record)
            self._note_origin(document)
            self._failures = 0
            forget_download(self.layout, document.place)
        except NotServed as error:
            self.state.records[document.key] = self._tried(before, document, str(error))
            self._miss(document, error)
        except Trouble as error:
            self.state.records[document.key] = replace(before, version=None, owed=document.file.url)
            new = self._miss(document, error)
            self._failures += 1
            down = self._failures >= DOWN
            if (down and new) or (error.after or 0) > self.visitor.limits.longest_wait:
                self.save()
                raise
            return not down
        return True

    def _note_origin(self, document: WantedDocument) -> None:
        facts = {"url": document.file.url, "meeting_url": document.meeting_url, "body": document.body}
        note_origin(self.layout, document.place, **facts)

    def _is_owed(self, document: WantedDocument) -> bool:
        record = self.state.records.get(document.key)
        return record is not None and record.owed is not None

    def _record(self, document: WantedDocument) -> Record | None:
        """Return a document's record; a file on disk without one is taken for the version that is published."""
        record = self.state.records.get(document.key)
        if record is not None and record.where == self._where(document):
            return record
        if not self._is_there(document):
            return None
        digest = None
        with suppress(FileNotFoundError):  # it was read before, or just now
            digest = hash_file(self.layout.waiting(*document.place))
        adopted = self.state.records[document.key] = Record(self._where(document), document.file.version, sha256=digest)
        return adopted

    def _new(self, document: WantedDocument) -> Record:
        return Record(self._where(document), document.file.version, title=document.file.title or None)

    def _tried(self, record: Record, document: WantedDocument, unavailable: str | None) -> Record:
        """Return the record of a document after one more request that did not get it."""
        return replace(
            record,
            version=document.file.version,
            unavailable=unavailable,
            owed=document.file.url if unavailable else None,
            tries=(record.tries or 0) + 1,
            asked=self.today.isoformat(),
        )

    def _is_current(self, document: WantedDocument, record: Record | None) -> bool:
        if record is None or record.version != document.file.version or document.place in self.again:
            return False
        settled = document.day < self.today - SETTLED
        if record.unavailable or self._is_damaged(document):
            return settled and not self.owed_now and not record.is_due(self.today)
        return self._is_there(document) and not record.owed and (settled or document.file.version is not None)

    def _is_damaged(self, document: WantedDocument) -> bool:
        """Return whether reading the file that was downloaded was given up."""
        return given_up_by(self.layout, document.place) is not None

    def _download(self, document: WantedDocument, record: Record | None) -> None:
        temporary = self.layout.temporary()
        try:
            self._download_to(temporary, document, record)
        finally:
            temporary.unlink(missing_ok=True)

    def _download_to(self, temporary: Path, document: WantedDocument, record: Record | None) -> None:
        had = record if record and not record.unavailable and self._is_there(document) else None
        damaged = had is not None and self._is_damaged(document)
        known = had.validators if had and not damaged and document.place not in self.again else None
        found = self.visitor.download(document.file.url, temporary, known=known)
        seen = self._new(document)
        if had and found is None:
            self._keep(document, replace(had, version=seen.version, owed=None))
            return
        digest = hash_file(temporary)
        if found:
            seen = replace(seen, etag=found.etag, last_modified=found.last_modified, sha256=digest)
        if had and had.sha256 == digest:
            if damaged:
                seen = self._tried(replace(seen, tries=had.tries), document, None)
            self._keep(document, seen)
            return
        self._put(document, temporary)
        self._leave_old_place(document, digest)
        self.state.records[document.key] = seen
        (self.report.revised if had else self.report.fetched).append(document.name)
        self.on_document(document.place)

    def _put(self, document: WantedDocument, temporary: Path) -> None:
        """Move a document to where it waits to be read, and forget that an older version was read."""
        with current_job().fence():
            self.layout.processed(*document.place).unlink(missing_ok=True)
            before = self.layout.waiting(*document.place)
        target = self.layout.pdf(*document.place, suffix_of(temporary, document.file.url))
        current_job().commit_files({temporary: target})
        if before != target:  # the city has published it in another format
            with current_job().fence():
                before.unlink(missing_ok=True)

    def _leave_old_place(self, document: WantedDocument, digest: str) -> None:
        """Remove the files of a document from where it was before its meeting was moved, or entered again."""
        before = self.state.records.get(document.key)
        places = [] if before is None else [before.place(document.key)]
        for key in self._vanished:
            record = self.state.records.get(key)
            if record is not None and record.sha256 == digest and record.place(key)[0] == document.file.kind:
                del self.state.records[key]
                places.append(record.place(key))
        taken = {record.place(key) for key, record in self.state.records.items() if key != document.key}
        for place in places:
            if place != document.place and place not in taken:
                remove_files(self.layout, place)
                unmark(self.layout, place)

    def _keep(self, document: WantedDocument, record: Record) -> None:
        self.state.records[document.key] = record
        self.report.unchanged += 1

    def _miss(self, document: WantedDocument, error: Exception) -> bool:
        """Report a document that could not be downloaded; return whether no earlier run reported it."""
        text, url = f"{document.name}: {error}", document.file.url
        self.logger.log(text, level="warning", meeting=document.meeting, date=document.stem, url=url)
        return self.report.missed(self.layout, document.place, error, url=url)

    def _is_there(self, document: WantedDocument) -> bool:
        return self._has_files(document.place)

    def _where(self, document: WantedDocument) -> str:
        return f"{document.meeting}/{document.stem}"
