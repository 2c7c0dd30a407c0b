"""Record what a site's server answers a fetch, and fetch from such a recording."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from clerk.application import application
from clerk.fetching.fetch_call import run_fetcher
from clerk.fetching.fetcher_factory import get_fetcher
from clerk.fetching.recordings import recorded, replayed
from clerk.fetching.report import FetchReport
from clerk.jobs import JobContext, running
from clerk.settings import settings
from clerk.sites.admin import show_site

#: The columns of a site that its fetcher may read.
_COLUMNS = ("name", "state", "country", "kind", "scraper", "start_year", "extra", "lat", "lng")
#: How far back a recording goes by default, in days: each document of that time is downloaded.
DAYS = 60


def record_site(
    subdomain: str, folder: Path, *, since: str | None = None, until: str | None = None, bodies: bool = False
) -> dict[str, Any]:
    """Fetch a site into a temporary folder, and keep the replies in FOLDER/SUBDOMAIN.yaml; the site stays as it is.

    Raises NotFoundError for an unknown site, and what the fetch raises; what was answered before that is kept.
    """
    row = show_site(subdomain)
    columns = {name: row[name] for name in _COLUMNS}
    options = {"start_date_str": since or (date.today() - timedelta(days=DAYS)).isoformat(), "end_date_str": until}
    path = folder / f"{subdomain}.yaml"
    with (
        _temporary_storage(),
        recorded(path, subdomain=subdomain, site=columns, options=options, bodies=bodies) as names,
    ):
        report = _fetched({"subdomain": subdomain, "pages": 0, **columns}, options)
    return {"path": str(path), "replies": len(names), "bytes": path.stat().st_size, **report}


def replay_site(path: Path) -> dict[str, Any]:
    """Fetch from a recording into a temporary folder, without a network and without a database.

    Raises UsageError if there is no such recording, AssertionError if it lacks a reply, and what the fetch raises.
    """
    with _temporary_storage(), running(_Unhurried()), replayed(path) as recording:
        row = {"subdomain": recording.subdomain, "pages": 0, **recording.site}
        return {"path": str(path), "replies": len(recording.requests), **_fetched(row, recording.options)}


class _Unhurried(JobContext):
    """Does not wait: a recording has no server."""

    def wait(self, seconds: float) -> None:
        """Return at once."""


def _fetched(row: dict[str, Any], options: Any) -> dict[str, Any]:
    fetcher = get_fetcher(row, **options)
    run_fetcher(fetcher)
    report = getattr(fetcher, "report", None)
    return {"documents": report.as_result() if isinstance(report, FetchReport) else None}


@contextmanager
def _temporary_storage() -> Iterator[None]:
    before = settings()
    with tempfile.TemporaryDirectory() as folder:
        application.put(settings, before.model_copy(update={"storage_dir": Path(folder)}))
        try:
            yield
        finally:
            application.put(settings, before)
