"""Moves what does not count out of the friendly tables: rows of superseded reports, and memo rows."""

# ruff: noqa: S608 - the names in the SQL made here are our own

from __future__ import annotations

from collections.abc import Iterator

from plugins.election_finance.layout import PART_3, SHEETS
from plugins.election_finance.schema import MEMO, SUPERSEDED, friendly_columns


def statements() -> Iterator[str]:
    """Yield the statements that move the rows, once it is known which reports count.

    `ie_contributions` keeps every row that the source which counts lists: its sheet does not say which report a row
    is of, so that a row is not known well enough to be set aside. The view `ie_contributions_once` counts its gifts.
    """
    for sheet in SHEETS:
        table, columns = sheet.friendly, friendly_columns(sheet)
        which = "superseded_reason = 'duplicate'" if sheet.name == PART_3 else "is_current = 0"
        yield (
            f"INSERT INTO {SUPERSEDED}{table} SELECT t.*, f.superseded_reason FROM {table} t "
            f"JOIN filings f USING (filing_id) WHERE f.{which}"
        )
        yield f"DELETE FROM {table} WHERE filing_id IN (SELECT filing_id FROM filings WHERE {which})"
        if "memo" in columns and sheet.name != PART_3:
            yield f"INSERT INTO {MEMO}{table} SELECT *, 'memo' FROM {table} WHERE memo = 1"
            yield f"DELETE FROM {table} WHERE memo = 1"
