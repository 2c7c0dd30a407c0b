"""What plugins import from here: the base class of fetchers, and `STORAGE_DIR`, which their tests set."""

from datetime import datetime
from typing import Any

from clerk import utils
from clerk.database.transactions import transaction
from clerk.fetching.fetch_call import run_fetcher
from clerk.fetching.fetcher import Fetcher
from clerk.fetching.fetcher_factory import get_fetcher
from clerk.settings import get_env_int
from clerk.sites.rows import update_site

__all__ = [
    "NUM_WORKERS",
    "PDF_CHUNK_SIZE",
    "PDF_CONVERT_TIMEOUT",
    "PDF_READ_TIMEOUT",
    "PDF_SUPPORT",
    "USE_PDF_SUBPROCESS_ISOLATION",
    "Fetcher",
    "fetch_internal",
    "get_fetcher",
]

#: Asked by fetchers that can do without; PDFs are part of every installation, and are read in a process of their own.
PDF_SUPPORT = USE_PDF_SUBPROCESS_ISOLATION = True

#: What fetchers that read PDFs themselves go by: pages at a time, seconds, and threads.
PDF_CHUNK_SIZE = get_env_int("PDF_CHUNK_SIZE", 20)
PDF_READ_TIMEOUT = get_env_int("PDF_READ_TIMEOUT", 60)
PDF_CONVERT_TIMEOUT = get_env_int("PDF_CONVERT_TIMEOUT", 300)
NUM_WORKERS = get_env_int("NUM_WORKERS", 10)


def fetch_internal(subdomain: str, fetcher: Any) -> None:
    """Fetch a site's documents here and now, and record it in the site's row; the job `fetch-site` does more."""
    _record(subdomain, "fetching")
    run_fetcher(fetcher)
    _record(subdomain, "needs_ocr")


def _record(subdomain: str, status: str) -> None:
    with transaction() as connection:
        now = datetime.now().strftime("%Y-%m-%dT%H:%M:%S")
        update_site(connection, subdomain, {"status": status, "last_updated": now})


def __getattr__(name: str) -> Any:
    """Resolve `STORAGE_DIR` (text, from the settings) and `pm`, the plugin manager."""
    if name in ("STORAGE_DIR", "pm"):
        return getattr(utils, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
