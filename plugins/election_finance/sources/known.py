"""The sources that are known."""

from __future__ import annotations

from collections.abc import Mapping

from plugins.election_finance.sources.cal201 import Cal201
from plugins.election_finance.sources.efile import Efile
from plugins.election_finance.sources.interface import Source
from plugins.election_finance.sources.search import TransactionSearch
from plugins.election_finance.sources.sheet_csv import SheetCsv
from plugins.election_finance.sources.workbooks import Workbooks

_ALL: tuple[Source, ...] = (Workbooks(), Efile(), SheetCsv(), Cal201(), TransactionSearch())

#: The sources by the format of their files, in the order of manifest.SOURCE_FORMATS.
KNOWN_SOURCES: Mapping[str, Source] = {source.format: source for source in _ALL}
