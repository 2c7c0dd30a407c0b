"""The job of one document: from a PDF that waits, to its text in place and the PDF gone, or a clear reason why not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clerk.fetching.failure_notes import missed_download, write_note
from clerk.fetching.overriding import overridden
from clerk.fetching.reading import Failures, read_their_way
from clerk.fsync import hash_file
from clerk.jobs import Discard, Retry, current_job
from clerk.meetings.site import fetcher_of, layout_of
from clerk.plugin.loader import plugin_manager
from clerk.settings import settings
from clerk.text import DocumentError, DocumentText, Page, is_unchanged, read_document, render_pages
from clerk.text.tree import making, put_folder, write_files

#: Seconds between two reports of a page that was read.
PROGRESS = 1.0

if TYPE_CHECKING:
    from clerk.fetching.failure_notes import Place
    from clerk.fetching.layout import Layout


def ocr_page(subdomain: str, run_id: str, *, kind: str, meeting: str, date: str, backend: str = "") -> dict[str, int]:
    """Turn one document into text, page by page; a document that can never be read is discarded, and keeps its PDF.

    So is one that this run could not download: here it is counted, and listed, like any other that failed.
    """
    layout, place = layout_of(subdomain), (kind, meeting, date)
    pdf = layout.pdf(*place)
    if not pdf.exists():
        if missed := missed_download(layout, place, run_id):
            write_note(layout, place, missed | {"job_id": current_job().job_id})
            raise Discard(f"{kind} {meeting} {date}: it could not be downloaded ({missed['reason']}): fetch it again")
        if layout.processed(*place).exists():
            return {"pages": 0}  # an earlier attempt did it all, and died before it could say so
        raise Discard(f"{kind} {meeting} {date}: the PDF is gone; fetch it again")
    seen, folder, document = _identity(pdf), layout.text(*place), None
    with _new_pictures(layout, place) as pictures, making(folder) as made:
        try:
            fetcher = fetcher_of(subdomain, run_id)
            if "do_ocr_job" in overridden(fetcher):
                pages = _have_it_read(fetcher, layout, place, backend)
            elif is_unchanged(pdf, folder):
                pages = len(list(folder.glob("*.txt")))
            else:
                progress = _Progress()
                document = _read(fetcher, pdf, backend, pictures, progress)
                pages = len(document.pages)
                write_files(document, made, folder)
                if progress.due():  # it took long: a failed upload must not have it read again
                    with current_job().fence():
                        put_folder(made, folder)
                    document = None
            if pictures and pdf.exists():
                _upload(subdomain, layout, place, pictures)
        except DocumentError as error:
            if error.permanent or current_job().attempt >= current_job().max_attempts:
                _remember(layout, place, str(error))
            error.name = f"{kind} {meeting} {date}"
            raise (Discard if error.permanent else Retry)(str(error)) from None
        _settle(layout, place, seen, made if document else None)
    return {"pages": pages}


@contextmanager
def _new_pictures(layout: Layout, place: Place) -> Iterator[Path | None]:
    """Give a folder for the pictures of pages, None if no plugin stores them."""
    if not plugin_manager().hook.upload_static_file.get_hookimpls():
        yield None
        return
    with making(layout.images(*place)) as pictures:
        yield pictures


def _read(fetcher: Any, pdf: Path, backend: str, pictures: Path | None, progress: _Progress) -> DocumentText:
    """Read a document, in the fetcher's own way if it has one, and draw its pages."""
    if "_ocr_with_tesseract" in overridden(fetcher):
        return read_their_way(fetcher, pdf)
    languages = getattr(fetcher, "ocr_lang", None) or settings().ocr_languages
    engine = backend or settings().ocr_engine or ""
    return read_document(pdf, engine=engine, languages=languages, pictures=pictures, on_page=progress)


def _have_it_read(fetcher: Any, layout: Layout, place: Place, backend: str) -> int:
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
    """Records each page that was read, and looks whether the job was cancelled, once a second."""

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()

    def __call__(self, page: Page) -> None:
        if self.due(self._last):
            current_job().progress(f"page {page.number}")
            current_job().checkpoint()
            self._last = time.monotonic()

    def due(self, since: float | None = None) -> bool:
        """Return whether a second has passed since then, or since the beginning."""
        return time.monotonic() - (since or self._began) >= PROGRESS


def _identity(pdf: Path) -> tuple[int, int, int]:
    status = pdf.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _remember(layout: Layout, place: Place, reason: str) -> None:
    """Leave a note beside the documents, so that the same bytes are not tried again with every run."""
    known = {"reason": reason, "job_id": current_job().job_id, "sha256": hash_file(layout.pdf(*place))}
    write_note(layout, place, known)


def _settle(layout: Layout, place: Place, seen: tuple[int, int, int], made: Path | None) -> None:
    """Put the text in place, mark the document as read and remove its PDF.

    Only if this attempt still owns the job, and the PDF is the one it read.
    """
    marker, pdf = layout.processed(*place), layout.pdf(*place)
    marker.parent.mkdir(parents=True, exist_ok=True)
    with current_job().fence():
        if pdf.exists() and _identity(pdf) != seen:
            raise Retry(f"{'/'.join(place)} was replaced while it was read", after=0)
        if made:
            put_folder(made, layout.text(*place))
        marker.touch()
        pdf.unlink(missing_ok=True)
        layout.failed(*place).unlink(missing_ok=True)


def _upload(subdomain: str, layout: Layout, place: Place, pictures: Path) -> None:
    """Have the pictures of the pages, and the PDF, stored before they are deleted here."""
    upload = plugin_manager().hook.upload_static_file
    kind, meeting, date = place
    prefix = f"/{layout.prefix(kind)}".rstrip("/")
    pdf = layout.pdf(*place)
    drawn = sorted(pictures.glob("*.png"), key=lambda file: int(file.stem)) or render_pages(pdf, pictures)
    for picture in drawn:
        upload(file_path=str(picture), storage_path=f"/{subdomain}{prefix}/{meeting}/{date}/{picture.name}")
    upload(file_path=str(pdf), storage_path=f"{subdomain}{prefix}/_pdfs/{meeting}/{date}.pdf")
