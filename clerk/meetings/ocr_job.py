"""The job of one document: from a PDF that waits, to its text in place and the PDF gone, or a clear reason why not."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clerk.fetching.failure_notes import missed_download, write_note
from clerk.fetching.overriding import overridden
from clerk.fetching.reading import Failures, read_their_way
from clerk.fsync import flush, hash_file, switch_folder
from clerk.jobs import Discard, Retry, current_job
from clerk.meetings.site import fetcher_of, layout_of
from clerk.plugin.loader import plugin_manager
from clerk.settings import settings
from clerk.text import DocumentError, Page, is_unchanged, read_document, render_pages
from clerk.text.tree import making, write_files

#: Seconds between two reports of a page that was read.
PROGRESS = 1.0

if TYPE_CHECKING:
    from clerk.fetching.failure_notes import DocumentPlace
    from clerk.fetching.layout import Layout


def ocr_page(subdomain: str, run_id: str, *, kind: str, meeting: str, date: str, backend: str = "") -> dict[str, int]:
    """Turn one document into text, page by page; a document that can never be read is discarded, and keeps its PDF.

    So is one that this run could not download: here it is counted, and listed, like any other that failed.

    :param kind: minutes or agenda.
    :param meeting: The name of the body, as its folder has it.
    :param date: The day, such as 2026-03-01, with .2 for a second document.
    :param backend: The engine that reads images; without one, that of the settings.
    """
    layout, place = layout_of(subdomain), (kind, meeting, date)
    pdf, *others = layout.every_format(*place) or [layout.pdf(*place)]
    files = _Files(pdf, tuple(others), layout.text(*place), layout.processed(*place), layout.failed(*place))
    if not files.pdf.exists():
        if missed := missed_download(layout, place, run_id):
            write_note(layout, place, missed | {"job_id": current_job().job_id})
            raise Discard(f"{kind} {meeting} {date}: it could not be downloaded ({missed['reason']}): fetch it again")
        if files.processed.exists():
            return {"pages": 0}  # an earlier attempt did it all, and died before it could say so
        raise Discard(f"{kind} {meeting} {date}: the PDF is gone; fetch it again")
    seen = _identity(files.pdf)
    with making(files.text) as made, current_job().gathered_files() as uploaded:
        try:
            pages = _read(fetcher_of(subdomain, run_id), layout, place, files, backend, made)
            if _uploads() and files.pdf.exists():
                _upload(subdomain, layout, place, files, made)
        except DocumentError as error:
            if error.permanent or current_job().attempt >= current_job().max_attempts:
                _remember(layout, place, str(error))
            error.name = f"{kind} {meeting} {date}"
            raise (Discard if error.permanent else Retry)(str(error)) from None
        _settle(files, seen, uploaded, made)
    return {"pages": pages}


@dataclass(frozen=True, slots=True)
class _Files:
    """Where a document is: `Layout`'s names; `others` are the same document in other formats, which are not read."""

    pdf: Path
    others: tuple[Path, ...]
    text: Path
    processed: Path
    failed: Path


#: What is in the folder of a document that is being read: its text, and the pictures of its pages.
_TEXT, _PICTURES = "text", "pictures"


def _uploads() -> bool:
    """Return whether a plugin stores pictures and PDFs."""
    return bool(plugin_manager().hook.upload_static_file.get_hookimpls())


def _read(fetcher: Any, layout: Layout, place: DocumentPlace, files: _Files, backend: str, made: Path) -> int:
    """Read a document into `made`, in the fetcher's own way if it has one, and draw its pages; return their number."""
    own = overridden(fetcher)
    if "do_ocr_job" in own:
        return _have_it_read(fetcher, layout, place, backend)
    if is_unchanged(files.pdf, files.text):
        return len(list(files.text.glob("*.txt")))
    progress, text, pictures = _Progress(), made / _TEXT, made / _PICTURES
    if "_ocr_with_tesseract" in own:
        document = read_their_way(fetcher, files.pdf)
    else:
        languages = getattr(fetcher, "ocr_lang", None) or settings().ocr_languages
        engine = backend or settings().ocr_engine or ""
        if _uploads():
            pictures.mkdir()
        drawn = pictures if pictures.exists() else None
        document = read_document(files.pdf, engine=engine, languages=languages, pictures=drawn, on_page=progress)
    text.mkdir()
    write_files(document, text, files.text, files.pdf)
    if progress.is_due(progress.began):  # it took long: a failed upload must not have it read again
        flush(*text.glob("*.txt"))
        with current_job().fence():
            switch_folder(text, files.text)
    return len(document.pages)


def _have_it_read(fetcher: Any, layout: Layout, place: DocumentPlace, backend: str) -> int:
    """Call the fetcher's own do_ocr_job, which keeps its failures to itself: so see what it has left."""
    kind, meeting, date = place
    job, failures, before = current_job(), Failures(), _texts(layout.text(*place))
    prefix = f"/{layout.prefix(kind)}".rstrip("/")
    fetcher.do_ocr_job((prefix, meeting, date), failures, job.job_id, backend=backend or "tesseract", run_id=job.run_id)
    after = _texts(layout.text(*place))
    if failures.entries or (after == before and not layout.processed(*place).exists()):
        raise DocumentError("damaged" if failures.permanent else "crash", failures.reason)
    return len(after)


def _texts(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mtime_ns for file in folder.glob("*.txt")}


class _Progress:
    """Records that a page was read, and looks whether the job was cancelled, once a second."""

    def __init__(self) -> None:
        self.began = self._last = time.monotonic()

    def __call__(self, page: Page) -> None:
        if self.is_due(self._last):
            current_job().progress(f"page {page.number}")
            current_job().checkpoint()
            self._last = time.monotonic()

    def is_due(self, since: float) -> bool:
        """Return whether a second has passed since then."""
        return time.monotonic() - since >= PROGRESS


def _identity(pdf: Path) -> tuple[int, int, int]:
    status = pdf.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _remember(layout: Layout, place: DocumentPlace, reason: str) -> None:
    """Leave a note beside the documents, so that the same bytes are not tried again with every run."""
    known = {"reason": reason, "job_id": current_job().job_id, "sha256": hash_file(layout.waiting(*place))}
    write_note(layout, place, known)


def _settle(files: _Files, seen: tuple[int, int, int], uploaded: Mapping[Path, Path], made: Path) -> None:
    """Put uploaded files and the text in place, mark the document as read and remove its PDF.

    Only if this attempt still owns the job, and the PDF is the one it read. The disk is waited for between two fences:
    on SQLite a fence keeps every other process from writing.
    """
    text = made / _TEXT
    for final in (files.processed, *uploaded.values()):
        final.parent.mkdir(parents=True, exist_ok=True)
    flush(*uploaded, *text.glob("*.txt"))
    with current_job().fence():
        _require_same(files.pdf, seen)
        for temporary, final in uploaded.items():
            temporary.replace(final)
        if text.exists():
            switch_folder(text, files.text)
    flush(*{final.parent for final in (files.text, *uploaded.values())})
    with current_job().fence():
        _require_same(files.pdf, seen)
        files.processed.touch()
        for file in (files.pdf, *files.others):
            file.unlink(missing_ok=True)
        files.failed.unlink(missing_ok=True)


def _require_same(pdf: Path, seen: tuple[int, int, int]) -> None:
    """Raise Retry if a PDF was replaced since it was seen."""
    if pdf.exists() and _identity(pdf) != seen:
        raise Retry(f"{pdf.parent.name}/{pdf.name} was replaced while it was read", after=0)


def _upload(subdomain: str, layout: Layout, place: DocumentPlace, files: _Files, made: Path) -> None:
    """Upload the pictures of the pages, and the PDF, before they are deleted here."""
    upload, pictures = plugin_manager().hook.upload_static_file, made / _PICTURES
    kind, meeting, date = place
    prefix = f"/{layout.prefix(kind)}".rstrip("/")
    drawn = sorted(pictures.glob("*.png"), key=lambda file: int(file.stem)) or render_pages(files.pdf, pictures)
    for picture in drawn:
        upload(file_path=str(picture), storage_path=f"/{subdomain}{prefix}/{meeting}/{date}/{picture.name}")
    upload(file_path=str(files.pdf), storage_path=f"{subdomain}{prefix}/_pdfs/{meeting}/{date}{files.pdf.suffix}")
