"""Where a site's money is found: one module a source, all behind the interface of `interface.Source`.

What each source is, its traps and its references: docs/reference/finance-sources.md. Of two sources for one filing,
one counts: `same_filing` says which.
"""

from __future__ import annotations

from plugins.election_finance.sources.drop_folder import drop_files, from_drop, ignored_files
from plugins.election_finance.sources.interface import Arrival, Asking, Offer, Source
from plugins.election_finance.sources.known import KNOWN_SOURCES
from plugins.election_finance.sources.workbooks import FIRST_YEAR, Served, make_visitor

__all__ = [
    "FIRST_YEAR",
    "KNOWN_SOURCES",
    "Arrival",
    "Asking",
    "Offer",
    "Served",
    "Source",
    "drop_files",
    "from_drop",
    "ignored_files",
    "make_visitor",
]
