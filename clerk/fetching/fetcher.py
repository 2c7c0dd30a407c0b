"""The base class of fetchers, which download a city's agendas and minutes to where the pipeline reads them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlite_utils

from clerk.fetching.addresses import configured
from clerk.fetching.cleaning import clean
from clerk.fetching.date_span import read_arguments
from clerk.fetching.failure_notes import DocumentPlace, forget_download
from clerk.fetching.http_errors import Refusal
from clerk.fetching.layout import PREFIXES, Layout
from clerk.fetching.origins import note_origin
from clerk.fetching.overriding import default
from clerk.fetching.reading import compile_site, read_image, read_one, read_waiting
from clerk.fetching.report import FetchReport
from clerk.fetching.response_body import suffix_of
from clerk.fetching.visitor import Visitor
from clerk.jobs import current_job
from clerk.output import ClerkLogger
from clerk.paths import validate_subdomain
from clerk.plugin.source_place import place_of
from clerk.settings import settings
from clerk.sites.local_time import local_time

if TYPE_CHECKING:
    import httpx


#: The replacements of simplified_meeting_name, in order.
_SHORTER = (
    (" ", ""),
    ("*", ""),
    ("&", "And"),
    ("/", "And"),
    ("SpecialConcurrentMeetingofthe", ""),
    ("ConcurrentMeetingofthe", ""),
    ("Meetingofthe", ""),
)


def storage_dir() -> str:
    """Return the folder of all sites: `clerk.fetcher.STORAGE_DIR` if a test set it, else the setting."""
    as_set = vars(sys.modules["clerk.fetcher"]).get("STORAGE_DIR") if "clerk.fetcher" in sys.modules else None
    return str(as_set or settings().storage_dir)


class Fetcher:
    """Downloads one site's documents; a subclass implements `fetch_events`, and `child_init` instead of a constructor.

    Takes `(site, start_year, all_agendas)`, as in clerk 0.1.2, or `(site, all_agendas, start_date_str, end_date_str)`,
    as in 0.1.3; `site` is the site's row. All attributes are set before `child_init` runs.
    """

    #: Documents to download even if they are there.
    again: frozenset[DocumentPlace] = frozenset()

    #: Called with each document as soon as it may be read.
    on_document: Callable[[DocumentPlace], object] = staticmethod(lambda _place: None)

    def __init__(self, site: Mapping[str, Any], *arguments: Any, **named: Any) -> None:
        span = read_arguments(site, arguments, named)
        self.site = site
        self.subdomain = validate_subdomain(site["subdomain"])
        self.start_year, self.start_date, self.end_date = span.start_year, span.start_date, span.end_date
        self.start_given = span.start_given
        self.today = local_time(site)
        self.all_agendas = span.all_agendas
        self.ocr_lang = settings().ocr_languages
        self.previous_page_count = site.get("pages")
        self.total_events = self.total_minutes = self.total_agendas = 0
        job = current_job()
        self.logger = ClerkLogger(self.subdomain, job_id=job.job_id, stage="fetch", run_id=job.run_id)
        self._set_folders()
        self.child_init()

    def child_init(self) -> None:
        """Prepare; the constructor calls this last."""

    def fetch_events(self) -> Any:
        """Put PDFs into the output folders; the returned value is ignored."""
        kind = type(self)
        raise NotImplementedError(f"{kind.__module__}.{kind.__name__} must implement fetch_events() ({place_of(kind)})")

    def request(
        self,
        method: str,
        url: str,
        json: Any = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
    ) -> httpx.Response | None:
        """Return the answer, whatever its status; None if three attempts got none."""
        try:
            return self.visitor.request(method, url, json=json, data=data, headers=headers, cookies=cookies)
        except Refusal as error:
            self.logger.log(str(error), level="warning" if error.response else "error")
            return error.response

    def check_if_exists(self, meeting: str, date: str, kind: str) -> bool:
        """Return whether the "minutes" or "agenda" of a meeting wait to be read, or were read."""
        return (kind, meeting, date) not in self.again and self.layout.exists(kind, meeting, date)

    def simplified_meeting_name(self, name: str) -> str:
        """Return the name of the folder of a body's meetings."""
        name = clean(name)
        for long, short in _SHORTER:
            name = name.replace(long, short)
        return name

    def fetch_and_write_pdf(
        self, url: str, kind: str, meeting: str, date: str, headers: Mapping[str, str] | None = None
    ) -> Path | None:
        """Download a PDF, or another document, unless it exists; return its path, or log the reason and return None.

        The file is yours until the next call in this thread: then it may be read, and removed, before all are fetched.
        """
        if before := vars(self._last).pop("place", None):
            self.document_fetched(*before)
        if self.check_if_exists(meeting, date, kind):
            target = self.layout.waiting(kind, meeting, date)
            return target if target.exists() else None
        temporary, place = self.layout.temporary(), (kind, meeting, date)
        self.report.asked += 1
        try:
            self.visitor.download(url, temporary, headers=headers)
        except Refusal as error:
            temporary.unlink(missing_ok=True)
            self.logger.log(f"{url}: {error}", level="warning", meeting=meeting, date=date)
            self.report.missed(self.layout, place, error, url=url)
            return None
        target = self.layout.pdf(*place, suffix_of(temporary, url))
        with current_job().fence():
            self.layout.processed(*place).unlink(missing_ok=True)
        current_job().commit_files({temporary: target})
        forget_download(self.layout, place)
        note_origin(self.layout, place, url=url)
        self.report.fetched.append(f"{meeting}/{date} ({kind})")
        self._last.place = place
        return target

    def document_fetched(self, kind: str, meeting: str, date: str) -> None:
        """Say that a document is in its place as a whole, so that it is read while others are fetched.

        `fetch_and_write_pdf` says it of the document before. A fetcher that writes files itself may: what it is silent
        about is read once it has fetched everything.
        """
        if self.layout.every_format(kind, meeting, date):
            names = {prefix: name for name, prefix in PREFIXES.items()}
            file = self.layout.pdf(kind, meeting, date)
            self.on_document((names[self.layout.prefix(kind)], file.parent.name, file.stem))

    def assert_fetch_dirs(self) -> None:
        """Make the output folders."""
        _make(self.minutes_output_dir, self.agendas_output_dir, self.docs_output_dir)

    def assert_processed_dirs(self) -> None:
        """Make the folders of documents that were read."""
        _make(self.minutes_processed_dir, self.agendas_processed_dir, self.docs_processed_dir)

    def assert_site_db_exists(self) -> None:
        """Make the tables of meetings.db that are missing."""
        columns = {"id": str, "meeting": str, "date": str, "page": int, "text": str, "page_image": str}
        for table in ("minutes", "agendas"):
            self.db.table(table).create(columns, pk="id", if_not_exists=True)

    @default
    def ocr(self, backend: str = "tesseract") -> None:
        """Read all waiting minutes, then all waiting agendas."""
        for prefix in ("", "/_agendas"):
            self.do_ocr(prefix=prefix, backend=backend)

    @default
    def do_ocr(self, prefix: str = "", backend: str = "tesseract") -> None:
        """Read every waiting document under a prefix, "" or "/_agendas"; log failures and keep their files."""
        read_waiting(self, prefix=prefix, backend=backend)

    @default
    def do_ocr_job(
        self, job: tuple[str, str, str], manifest: Any, job_id: str, backend: str = "tesseract", run_id: Any = None
    ) -> None:
        """Read one document, `(prefix, meeting, date)`; write a failure into the manifest, if there is one."""
        read_one(self, job, manifest=manifest, job_id=job_id, backend=backend)

    @default
    def _ocr_with_tesseract(self, path: str | Path) -> str:
        """Return the text of the image of a page."""
        return read_image(self, Path(path))

    @default
    def transform(self) -> None:
        """Rebuild meetings.db from the text."""
        compile_site(self)

    @cached_property
    def layout(self) -> Layout:
        """The folders of this site."""
        return Layout(Path(storage_dir()) / validate_subdomain(self.subdomain))

    @cached_property
    def _last(self) -> threading.local:
        """The document that each thread has fetched last, as `place`."""
        return threading.local()

    @cached_property
    def report(self) -> FetchReport:
        """The outcomes of the downloads so far."""
        return FetchReport()

    @cached_property
    def visitor(self) -> Visitor:
        """Makes this fetcher's requests."""
        return Visitor(allowed=configured(self.site.get("extra")), trusts_first=True)

    @cached_property
    def db(self) -> sqlite_utils.Database:
        """This site's meetings.db, opened at the first access: compilation replaces the file as a whole."""
        Path(self.dir_prefix).mkdir(parents=True, exist_ok=True)
        return sqlite_utils.Database(f"{self.dir_prefix}/meetings.db")

    def _set_folders(self) -> None:
        self.storage_dir = storage_dir()
        self.dir_prefix = f"{self.storage_dir}/{self.subdomain}"
        self.minutes_output_dir = f"{self.dir_prefix}/pdfs"
        self.agendas_output_dir = f"{self.dir_prefix}/_agendas/pdfs"
        self.docs_output_dir = f"{self.dir_prefix}/_docs/pdfs"
        self.minutes_processed_dir = f"{self.dir_prefix}/processed"
        self.agendas_processed_dir = f"{self.dir_prefix}/_agendas/processed"
        self.docs_processed_dir = f"{self.dir_prefix}/_docs/processed"
        self.docs_html_dir = f"{self.dir_prefix}/_docs/html"
        _make(self.docs_output_dir, self.docs_processed_dir, self.docs_html_dir)


def _make(*folders: str) -> None:
    for folder in folders:
        Path(folder).mkdir(parents=True, exist_ok=True)
