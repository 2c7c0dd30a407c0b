"""The default `ocr` and `transform` of fetchers: reading documents and compiling a site.

The pipeline does both itself, job by job. These serve fetchers that call or override those methods.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from PIL import Image

from clerk.fetching.compiling import compile_in_place
from clerk.fetching.layout import PREFIXES
from clerk.fetching.overriding import overridden
from clerk.fsync import hash_file
from clerk.jobs import current_job
from clerk.text import DocumentError, DocumentText, Page, is_unchanged, read_document, render_pages, write_pages
from clerk.text.document import PERMANENT

if TYPE_CHECKING:
    from clerk.fetching.fetcher import Fetcher  # on demand: not every plugin fetches


class Failures:
    """The manifest for a fetcher's own do_ocr_job, which writes failures to it."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def record_failure(self, *facts: Any, **named: Any) -> None:
        """Add a failure, with the arguments of clerk 0.1.3's manifest."""
        names = ("job_id", "document_path", "meeting", "date", "error_type", "error_class", "error_message")
        self.entries.append({**dict(zip(names, facts, strict=False)), **named})

    def write(self, line: str) -> None:
        """Add a failure from a line of JSON."""
        self.entries.append(json.loads(line))

    def flush(self) -> None:
        """Do nothing: entries are kept in memory."""

    @property
    def permanent(self) -> bool:
        """Return whether another attempt would fail too."""
        return any(entry.get("error_type") == "permanent" for entry in self.entries)

    @property
    def reason(self) -> str:
        """Return what went wrong, in one line."""
        said = [str(entry.get("error_message") or entry.get("error_class") or "failed") for entry in self.entries]
        return "; ".join(said) or "the fetcher's own do_ocr_job left no text and gave no reason"


def read_waiting(fetcher: Fetcher, *, prefix: str, backend: str) -> None:
    """Read every waiting document under a prefix; list failures in ocr_failures_JOB.jsonl."""
    job_id = current_job().job_id
    root = fetcher.layout.root
    failures = root / f"ocr_failures_{job_id}.jsonl"
    for pdf in fetcher.layout.all_waiting(kind_of(prefix)):
        place = (prefix, pdf.parent.name, pdf.stem)
        if is_unchanged(pdf, fetcher.layout.text(kind_of(prefix), *place[1:])):
            continue
        with failures.open("a") as manifest:
            fetcher.do_ocr_job(place, manifest, job_id, backend=backend)
    if failures.exists() and not failures.stat().st_size:
        failures.unlink()


def read_one(
    fetcher: Fetcher, place: tuple[str, str, str], *, manifest: TextIO | None, job_id: str, backend: str
) -> None:
    """Read one document and write its text; write a failure to the manifest."""
    prefix, meeting, day = place
    spot = (kind_of(prefix), meeting, day)
    pdf = fetcher.layout.waiting(*spot)
    try:
        document = _read(fetcher, pdf, backend)
    except DocumentError as error:
        fetcher.logger.log(f"{meeting}/{day}: {error}", level="error", meeting=meeting, date=day)
        if manifest is not None:
            manifest.write(json.dumps(_failure(error, pdf, meeting, day, job_id)) + "\n")
            manifest.flush()
        return
    write_pages(document, fetcher.layout.text(*spot), pdf, fence=current_job().fence)
    marker = fetcher.layout.processed(*spot)
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()


def read_image(fetcher: Fetcher, image: Path) -> str:
    """Return the text of a page's image."""
    with fetcher.layout.workplace() as folder, Image.open(image) as picture:
        pdf = folder / "page.pdf"
        picture.convert("L").save(pdf, resolution=150)
        return read_document(pdf, languages=fetcher.ocr_lang).pages[0].text


def compile_site(fetcher: Fetcher) -> None:
    """Rebuild meetings.db and replace it atomically."""
    made = compile_in_place(fetcher.layout, fetcher.subdomain)
    fetcher.logger.log(f"meetings.db has {made.pages} pages")


def kind_of(prefix: str) -> str:
    """Return the kind of documents under a prefix: "" has the minutes, "/_agendas" the agendas."""
    return next(kind for kind, folder in PREFIXES.items() if folder == prefix.strip("/"))


def _read(fetcher: Fetcher, pdf: Path, backend: str) -> DocumentText:
    if "_ocr_with_tesseract" in overridden(fetcher):
        return read_their_way(fetcher, pdf)
    return read_document(pdf, engine=backend, languages=fetcher.ocr_lang)


def read_their_way(fetcher: Fetcher, pdf: Path) -> DocumentText:
    """Read each page's image with the fetcher's own OCR."""
    with fetcher.layout.workplace() as folder:
        images = render_pages(pdf, folder / "pages")
        if not images:  # it is not a PDF
            return read_document(pdf)
        texts = [fetcher._ocr_with_tesseract(image) for image in images]
    pages = tuple(Page(number, text, "ocr" if text.strip() else "empty") for number, text in enumerate(texts, start=1))
    return DocumentText(hash_file(pdf), pages)


def _failure(error: DocumentError, pdf: Path, meeting: str, day: str, job_id: str) -> dict[str, Any]:
    return {
        "job_id": job_id,
        "document_path": str(pdf),
        "meeting": meeting,
        "date": day,
        "error_type": "permanent" if error.kind in PERMANENT else "transient",
        "error_class": type(error).__name__,
        "error_message": str(error),
        "failed_at": datetime.now(UTC).isoformat(),
        "retry_count": 0,
    }
