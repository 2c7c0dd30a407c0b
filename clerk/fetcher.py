"""The module of fetchers under the name that plugins import, and whose `STORAGE_DIR` their tests set."""

import sys

from clerk.fetching import fetcher
from clerk.fetching.fetcher import PDF_SUPPORT, Fetcher, get_fetcher, overridden

__all__ = ["PDF_SUPPORT", "Fetcher", "get_fetcher", "overridden"]

sys.modules[__name__] = fetcher
