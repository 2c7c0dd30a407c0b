"""The jobs of the meetings pipeline: fetch a site's documents, read them, compile them, publish them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clerk.errors import NotFoundError
from clerk.jobs import Discard, current_job

if TYPE_CHECKING:
    from clerk.fetching.layout import Layout


def fetch_site(subdomain: str, *, all_years: bool = False, all_agendas: bool = False) -> dict[str, int]:
    """Have the site's fetcher put new documents into its folders; return how many wait to be read."""
    from clerk.fetcher import get_fetcher

    current_job().progress("looking for new documents")
    fetcher = get_fetcher(_site(subdomain), all_years, all_agendas)
    fetcher.fetch_events()
    return {"waiting": len(waiting_documents(subdomain))}


def coordinator(subdomain: str, run_id: str) -> dict[str, int]:
    """Begin the reading: one job per document that waits; none is a quiet day, and no failure."""
    fetcher = _fetcher(subdomain, run_id)
    if fetcher is not None and _own(fetcher) & {"ocr", "do_ocr"}:
        current_job().progress("the fetcher reads in its own way")
        fetcher.ocr()
        return {"documents": 0}
    documents = waiting_documents(subdomain)
    for kind, meeting, date in documents:
        current_job().spawn("ocr-page", subdomain, kind=kind, meeting=meeting, date=date)
    return {"documents": len(documents)}


def ocr_page(subdomain: str, run_id: str, *, kind: str, meeting: str, date: str, backend: str = "") -> dict[str, int]:
    """Turn one document into text, page by page; a document that can never be read is discarded, and keeps its PDF."""
    from clerk.text import DocumentError, is_unchanged, read_document, write_pages

    layout = _layout(subdomain)
    pdf, folder = layout.pdf(kind, meeting, date), layout.text(kind, meeting, date)
    if not pdf.exists():
        if layout.processed(kind, meeting, date).exists():
            return {"pages": 0}  # an earlier attempt did it all, and died before it could say so
        raise Discard(f"{kind} {meeting} {date}: the PDF is gone; fetch it again")
    fetcher = _fetcher(subdomain, run_id)
    pages = 0
    try:
        if fetcher is not None and _own(fetcher) & {"do_ocr_job", "_ocr_with_tesseract"}:
            prefix = f"/{layout.prefix(kind)}".rstrip("/")
            fetcher.do_ocr_job((prefix, meeting, date), None, current_job().job_id, backend=backend, run_id=run_id)
        elif not is_unchanged(pdf, folder):
            languages = getattr(fetcher, "ocr_lang", "eng+spa")
            document = read_document(pdf, engine=backend, languages=languages, on_page=_tell)
            pages = len(document.pages)
            write_pages(document, folder, fence=current_job().fence)
    except DocumentError as error:
        if error.permanent:
            raise Discard(f"{kind} {meeting} {date}: {error}") from None
        raise
    _store_static_files(layout, subdomain, kind, meeting, date)
    _settle(layout, kind, meeting, date)
    return {"pages": pages}


def _tell(page: Any) -> None:
    current_job().progress(f"page {page.number}")
    current_job().checkpoint()


def _settle(layout: Layout, kind: str, meeting: str, date: str) -> None:
    """Mark a document as read and remove the PDF, if this attempt still owns the job."""
    marker = layout.processed(kind, meeting, date)
    marker.parent.mkdir(parents=True, exist_ok=True)
    with current_job().fence():
        marker.touch()
        layout.pdf(kind, meeting, date).unlink(missing_ok=True)


def _store_static_files(layout: Layout, subdomain: str, kind: str, meeting: str, date: str) -> None:
    """Hand page images and the PDF to whoever stores static files, before the local ones go; nobody does: nothing."""
    from clerk.plugin_loader import plugin_manager
    from clerk.text import render_pages

    upload = plugin_manager().hook.upload_static_file
    if not upload.get_hookimpls():
        return
    prefix = f"/{layout.prefix(kind)}".rstrip("/")
    pdf = layout.pdf(kind, meeting, date)
    images = layout.root / prefix.strip("/") / "images" / meeting / date
    for image in render_pages(pdf, images):
        upload(file_path=str(image), storage_path=f"/{subdomain}{prefix}/{meeting}/{date}/{image.name}")
        image.unlink()
    upload(file_path=str(pdf), storage_path=f"{subdomain}{prefix}/_pdfs/{meeting}/{date}.pdf")


def db_compilation(subdomain: str, run_id: str) -> dict[str, int]:
    """Build meetings.db aside from all of a site's text, and put it in place as a whole."""
    from clerk.compilation import compile_meetings
    from clerk.db import transaction
    from clerk.plugin_loader import plugin_manager
    from clerk.sites import update_site

    hooks = plugin_manager().hook
    layout = _layout(subdomain)
    target = layout.root / "meetings.db"
    hooks.pre_compilation(subdomain=subdomain, run_id=run_id)
    fetcher = _fetcher(subdomain, run_id)
    if fetcher is not None and "transform" in _own(fetcher):
        fetcher.transform()
        pages = 0
    else:
        current_job().progress("compiling")
        made = compile_meetings(layout.root, subdomain, into=layout.temporary())
        current_job().commit_files({made.path: target})
        pages = made.pages
        with transaction() as connection:
            update_site(connection, subdomain, {"pages": pages})
    hooks.post_compilation(subdomain=subdomain, database_path=str(target), run_id=run_id)
    return {"pages": pages}


def extract_site(subdomain: str) -> None:
    """Extract people and votes from a site's text: for a plugin to supply."""
    raise Discard(f"no plugin extracts people and votes from {subdomain}; one may, with JobType(..., replaces=True)")


def deploy_site(subdomain: str) -> None:
    """Publish a site's databases: the plugins' deploy_municipality, then the site's row, then their post_deploy."""
    from clerk.db import transaction
    from clerk.old_columns import format_moment
    from clerk.plugin_loader import plugin_manager
    from clerk.sites import update_site

    hooks = plugin_manager().hook
    current_job().progress("publishing")
    hooks.deploy_municipality(subdomain=subdomain)
    with transaction() as connection:
        update_site(connection, subdomain, {"last_deployed": format_moment(datetime.now(UTC))})
    hooks.post_deploy(site=_site(subdomain))


def waiting_documents(subdomain: str) -> list[tuple[str, str, str]]:
    """Return (kind, meeting, date) of each PDF that waits to be read; kind is "minutes" or "agenda"."""
    from clerk.fetching.layout import PREFIXES

    root = _layout(subdomain).root
    return [
        (kind, pdf.parent.name, pdf.stem)
        for kind, prefix in PREFIXES.items()
        for pdf in sorted((root / prefix / "pdfs").glob("*/*.pdf"))
        if not pdf.name.startswith(".")
    ]


def _site(subdomain: str) -> dict[str, Any]:
    from clerk.db import reading
    from clerk.sites import require_site

    with reading() as connection:
        return require_site(connection, subdomain)


def _layout(subdomain: str) -> Layout:
    from clerk.fetching.layout import Layout
    from clerk.paths import site_dir

    return Layout(Path(site_dir(subdomain)))


@lru_cache(maxsize=4)
def _fetcher(subdomain: str, run_id: str) -> Any:  # noqa: ARG001 - one fetcher per run: a site's row may change
    """Return the site's fetcher, None for a site whose documents come in another way."""
    from clerk.fetcher import get_fetcher

    try:
        return get_fetcher(_site(subdomain))
    except NotFoundError:
        return None


def _own(fetcher: Any) -> frozenset[str]:
    from clerk.fetcher import overridden

    return overridden(fetcher)
