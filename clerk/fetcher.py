"""What plugins import from here: the base class of fetchers, and `STORAGE_DIR`, which their tests set."""

from typing import Any

from clerk import utils
from clerk.fetching.fetcher import Fetcher
from clerk.fetching.fetcher_factory import get_fetcher

__all__ = ["PDF_SUPPORT", "Fetcher", "get_fetcher"]

#: Asked by fetchers that can do without; PDFs are part of every installation.
PDF_SUPPORT = True


def __getattr__(name: str) -> Any:
    """Resolve `STORAGE_DIR` (text, from the settings) and `pm`, the plugin manager."""
    if name in ("STORAGE_DIR", "pm"):
        return getattr(utils, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
