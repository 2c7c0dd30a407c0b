"""The jobs of the meetings pipeline: fetch a site's documents, read them, compile them, publish them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clerk.compilation.compile import count_pages
from clerk.database.clock import database_time, format_moment
from clerk.database.transactions import transaction
from clerk.errors import NotFoundError, UsageError
from clerk.fetching.compiling import compile_in_place
from clerk.fetching.failure_notes import given_up_by, missed_downloads
from clerk.fetching.fetch_call import run_fetcher
from clerk.fetching.fetcher import Fetcher
from clerk.fetching.fetcher_factory import get_fetcher
from clerk.fetching.http_errors import NotServed
from clerk.fetching.layout import PREFIXES, Layout
from clerk.fetching.overriding import overridden
from clerk.fetching.report import FetchReport
from clerk.fetching.source import SourceFetcher
from clerk.jobs import Discard, Retry, current_job
from clerk.meetings.ocr_job import ocr_page
from clerk.meetings.site import fetcher_of, layout_of, site_of
from clerk.plugin.loader import plugin_manager
from clerk.plugin.source_place import place_of
from clerk.publication import accepting_shrink
from clerk.queue import jobs_of_failed_runs
from clerk.sites.rows import update_site

if TYPE_CHECKING:
    from clerk.fetching.failure_notes import DocumentPlace

__all__ = ["coordinator", "db_compilation", "deploy_site", "extract_site", "fetch_site", "ocr_page"]

logger = logging.getLogger(__name__)


def fetch_site(
    subdomain: str,
    *,
    all_years: bool = False,
    all_agendas: bool = False,
    start_date: str | None = None,
    end_date: str | None = None,
    owed: bool = False,
    again: Sequence[Sequence[str]] = (),
) -> dict[str, Any]:
    """Fetch a site's new documents into its folders; return what the fetcher reports of them, if it does.

    :param all_years: Look back to the site's start_year.
    :param all_agendas: Fetch the agendas of past meetings too.
    :param start_date: Look back to this day, such as 2026-03-01.
    :param end_date: Look ahead to this day.
    :param owed: Ask at once for everything that is owed.
    :param again: Documents to download even if they are there, each as [kind, meeting, date].
    """
    current_job().progress("looking for new documents")
    with transaction() as connection:
        began = database_time(connection)
    try:
        fetcher = get_fetcher(site_of(subdomain), all_years, all_agendas, start_date, end_date)
    except (NotFoundError, UsageError) as error:  # an operator can mend these, another attempt cannot
        raise Discard(str(error)) from error
    if isinstance(fetcher, Fetcher):
        fetcher.again = frozenset((kind, meeting, date) for kind, meeting, date in again)
        if not overridden(fetcher) - {"transform"}:
            fetcher.on_document = partial(_read_soon, subdomain)
    if isinstance(fetcher, SourceFetcher):
        fetcher.owed_now = owed
    try:
        found = _fetch(subdomain, fetcher)
    except Exception as error:
        error.add_note(f"Its fetcher: {type(fetcher).__name__}, {place_of(type(fetcher))}.")
        raise
    # Only now: older fetchers start where the last update ended, so a failed fetch must not move it.
    with transaction() as connection:
        update_site(connection, subdomain, {"last_updated": format_moment(began)})
    return found


def _read_soon(subdomain: str, place: DocumentPlace) -> None:
    """Ask for a document to be read while others are fetched; not if the run has another stage before."""
    kind, meeting, date = place
    with suppress(Discard):
        current_job().spawn_now("ocr-page", subdomain, stage="ocr", kind=kind, meeting=meeting, date=date)


def _fetch(subdomain: str, fetcher: Any) -> dict[str, Any]:
    """Fetch, and return the report; Retry if every download failed."""
    try:
        run_fetcher(fetcher)
    except (NotFoundError, NotServed, UsageError) as error:  # an operator can mend these, another attempt cannot
        raise Discard(str(error)) from error
    report = getattr(fetcher, "report", None)
    if not isinstance(report, FetchReport):
        return {}
    if report.all_failed:
        raise Retry(f"{subdomain}: no document could be downloaded: {'; '.join(report.reasons())}")
    current_job().progress(f"documents: {report}")
    return report.as_result()


def coordinator(
    subdomain: str, run_id: str, *, failed_too: bool | None = None, missing_too: bool = True
) -> dict[str, int]:
    """Start one reading job per waiting document; a day without documents is a success.

    :param failed_too: Read what was given up before, too. Without a value it is read if its PDF has changed, or if the
        run that gave it up did not complete: the next run must not look better than it is.
    :param missing_too: Try what was never tried, too.
    """
    missed = _missed(subdomain, run_id)
    fetcher = fetcher_of(subdomain, run_id)
    if fetcher is not None and overridden(fetcher) & {"ocr", "do_ocr"}:
        current_job().progress("the fetcher reads the documents itself")
        fetcher.ocr()
        documents, passed_over = missed, 0
    else:
        waiting = waiting_documents(subdomain, rename=True)
        given_up = given_up_before(subdomain, waiting)
        again = _not_done_without(given_up) if failed_too is None else set(given_up) if failed_too else set()
        documents = [place for place in waiting if (place in again if place in given_up else missing_too)]
        passed_over = len(waiting) - len(documents)
        documents += [place for place in missed if place not in waiting]
    for kind, meeting, date in documents:
        current_job().spawn("ocr-page", subdomain, kind=kind, meeting=meeting, date=date)
    return {"documents": len(documents), "passed_over": passed_over}


def _missed(subdomain: str, run_id: str) -> list[DocumentPlace]:
    """Return the documents that this run could not download, and that no completed run was done without."""
    missed = missed_downloads(layout_of(subdomain), run_id)
    given_up = {place: job for place, job in missed.items() if job}
    return [place for place in missed if place not in given_up.keys() - _not_done_without(given_up)]


def db_compilation(subdomain: str, run_id: str) -> dict[str, int]:
    """Build meetings.db aside from all of a site's text, and put it in place as a whole."""
    hooks, layout, fetcher = plugin_manager().hook, layout_of(subdomain), fetcher_of(subdomain, run_id)
    target = layout.root / "meetings.db"
    hooks.pre_compilation(subdomain=subdomain, run_id=run_id)
    current_job().progress("compiling")
    layout.sweep()
    if fetcher is not None and "transform" in overridden(fetcher):
        fetcher.transform()
    else:
        compile_in_place(layout, subdomain)
    pages = count_pages(target)
    with transaction() as connection:
        update_site(connection, subdomain, {"pages": pages})
    hooks.post_compilation(subdomain=subdomain, database_path=str(target), run_id=run_id)
    return {"pages": pages}


def extract_site(subdomain: str) -> None:
    """Extract people and votes from a site's text: for a plugin to supply."""
    raise Discard(f"no plugin extracts people and votes from {subdomain}; one may, with JobType(..., replaces=True)")


def deploy_site(subdomain: str, *, accept_shrink: bool = False) -> None:
    """Publish a site's databases: the plugins' deploy_municipality, then the site's row, then their post_deploy.

    :param accept_shrink: Publish a database that is suspiciously smaller than the last one.
    """
    hooks = plugin_manager().hook
    current_job().progress("publishing")
    with accepting_shrink(accept_shrink):
        hooks.deploy_municipality(subdomain=subdomain)
    with transaction() as connection:
        update_site(connection, subdomain, {"last_deployed": format_moment(database_time(connection))})
    hooks.post_deploy(site=site_of(subdomain))


def waiting_documents(subdomain: str, *, rename: bool = False) -> list[DocumentPlace]:
    """Return (kind, meeting, date) of each document that waits to be read; kind is "minutes" or "agenda".

    With `rename` a file that a fetcher saved under another name than ours (spaces at the ends, too long) is renamed.
    """
    layout = layout_of(subdomain)
    places = [
        (kind, file.parent.name, file.stem)
        for kind in PREFIXES
        for found in layout.all_waiting(kind)
        if (file := _renamed(layout, kind, found) if rename else found) is not None
    ]
    return list(dict.fromkeys(places))


def given_up_before(subdomain: str, waiting: Sequence[DocumentPlace]) -> dict[DocumentPlace, str]:
    """Return those of the waiting documents that were given up before, each with the job that gave it up."""
    layout = layout_of(subdomain)
    return {place: job for place in waiting if (job := given_up_by(layout, place)) is not None}


def _not_done_without(given_up: Mapping[DocumentPlace, str]) -> set[DocumentPlace]:
    """Return those of the documents whose run did not complete without them."""
    failed = jobs_of_failed_runs(set(given_up.values()))
    return {place for place, job in given_up.items() if job in failed}


def _renamed(layout: Layout, kind: str, pdf: Path) -> Path | None:
    """Rename a PDF as our layout names it, unless another document has that name; return where it is.

    None if it is gone: documents that were fetched in this run are being read.
    """
    known = layout.pdf(kind, pdf.parent.name, pdf.stem, pdf.suffix.lower())
    try:
        if not known.exists():
            known.parent.mkdir(parents=True, exist_ok=True)
            return pdf.rename(known)
        if known.samefile(pdf):
            return known
    except FileNotFoundError:
        return None
    logger.warning("%s waits until %s was read: both have the same name here", pdf, known)
    return pdf
