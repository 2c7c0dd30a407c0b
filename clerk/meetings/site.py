"""What the meetings jobs need of their site: its row, its folders, its fetcher."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from clerk.application import part
from clerk.database.transactions import reading
from clerk.errors import NotFoundError
from clerk.fetching.fetcher_factory import get_fetcher
from clerk.fetching.layout import Layout
from clerk.jobs import current_job
from clerk.output import ClerkLogger
from clerk.paths import site_dir
from clerk.sites.rows import require_site


def site_of(subdomain: str) -> dict[str, Any]:
    """Return a site's row; NotFoundError for an unknown one."""
    with reading() as connection:
        return require_site(connection, subdomain)


def layout_of(subdomain: str) -> Layout:
    """Return where a site's documents are."""
    return Layout(site_dir(subdomain))


def fetcher_of(subdomain: str, run_id: str) -> Any:
    """Return the site's fetcher, None for a site whose documents come in another way.

    One serves all jobs of a run in this process, and logs as the one that runs now.
    """
    fetcher = _fetchers()(subdomain, run_id)
    logger = getattr(fetcher, "logger", None)
    if isinstance(logger, ClerkLogger):
        logger.job_id, logger.run_id, logger.stage = current_job().job_id, run_id, "ocr"
    return fetcher


@part
def _fetchers() -> Callable[[str, str], Any]:
    return lru_cache(maxsize=4)(_fetcher)


def _fetcher(subdomain: str, run_id: str) -> Any:  # noqa: ARG001 - one per run: a site's row may change
    try:
        return get_fetcher(site_of(subdomain))
    except NotFoundError:
        return None
