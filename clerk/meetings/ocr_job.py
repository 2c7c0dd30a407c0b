"""The job of one document: from a PDF that waits, to its text in place and the PDF gone, or a clear reason why not."""

from __future__ import annotations

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
from clerk.text import DocumentError, is_unchanged, read_document, render_pages, write_pages

if TYPE_CHECKING:
    from clerk.fetching.failure_notes import DocumentPlace
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
    seen = _identity(pdf)
    try:
        pages = _read(fetcher_of(subdomain, run_id), layout, place, backend)
    except DocumentError as error:
        if error.permanent or current_job().attempt >= current_job().max_attempts:
            _remember(layout, place, str(error))
        error.name = f"{kind} {meeting} {date}"
        raise (Discard if error.permanent else Retry)(str(error)) from None
    if pdf.exists():
        _store_static_files(layout, subdomain, place)
    _settle(layout, place, seen)
    return {"pages": pages}


def _read(fetcher: Any, layout: Layout, place: DocumentPlace, backend: str) -> int:
    """Put a document's text in place and return its pages: in the fetcher's own way, if it has one."""
    pdf, folder, own = layout.pdf(*place), layout.text(*place), overridden(fetcher)
    if "do_ocr_job" in own:
        return _have_it_read(fetcher, layout, place, backend)
    if is_unchanged(pdf, folder):
        return len(list(folder.glob("*.txt")))
    if "_ocr_with_tesseract" in own:
        document = read_their_way(fetcher, pdf)
    else:
        languages = getattr(fetcher, "ocr_lang", None) or settings().ocr_languages
        document = read_document(pdf, engine=backend or settings().ocr_engine or "", languages=languages, on_page=_tell)
    write_pages(document, folder, fence=current_job().fence)
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


def _tell(page: Any) -> None:
    current_job().progress(f"page {page.number}")
    current_job().checkpoint()


def _identity(pdf: Path) -> tuple[int, int, int]:
    status = pdf.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _remember(layout: Layout, place: DocumentPlace, reason: str) -> None:
    """Leave a note beside the documents, so that the same bytes are not tried again with every run."""
    known = {"reason": reason, "job_id": current_job().job_id, "sha256": hash_file(layout.pdf(*place))}
    write_note(layout, place, known)


def _settle(layout: Layout, place: DocumentPlace, seen: tuple[int, int, int]) -> None:
    """Mark a document as read and remove its PDF, if this attempt still owns the job and the PDF is the one it read."""
    marker, pdf = layout.processed(*place), layout.pdf(*place)
    marker.parent.mkdir(parents=True, exist_ok=True)
    with current_job().fence():
        if pdf.exists() and _identity(pdf) != seen:
            raise Retry(f"{'/'.join(place)} was replaced while it was read", after=0)
        marker.touch()
        pdf.unlink(missing_ok=True)
        layout.failed(*place).unlink(missing_ok=True)


def _store_static_files(layout: Layout, subdomain: str, place: DocumentPlace) -> None:
    """Upload page images and the PDF to static storage before the local ones are deleted; do nothing without one."""
    upload = plugin_manager().hook.upload_static_file
    if not upload.get_hookimpls():
        return
    kind, meeting, date = place
    prefix = f"/{layout.prefix(kind)}".rstrip("/")
    pdf, images = layout.pdf(*place), layout.images(*place)
    for image in render_pages(pdf, images):
        upload(file_path=str(image), storage_path=f"/{subdomain}{prefix}/{meeting}/{date}/{image.name}")
        image.unlink()
    images.rmdir()
    upload(file_path=str(pdf), storage_path=f"{subdomain}{prefix}/_pdfs/{meeting}/{date}.pdf")
