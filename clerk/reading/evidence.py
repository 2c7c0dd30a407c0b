"""Leads from a row of a finance database to its filing, and to the row of the source file that it was read from."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from clerk.reading.addresses import address

#: The columns of a filing's key.
_FILINGS = ("filing_id", "superseded_by")


def evidence_link(datasette: Any, subdomain: str, database: str, row: Any, column: str, value: object) -> Markup | None:
    """Return the link of a cell to the page of a filing or to a row as read; None for any other cell."""
    if column in _FILINGS:
        return _link(datasette, address("city", subdomain, "filing", value), value)
    if column == "source_row" and (sheet := _get(row, "source_sheet")) and (source := _get(row, "source_id")):
        return _link(datasette, raw_row(database, str(sheet), source, value), value)
    return None


def raw_row(database: str, sheet: str, source_id: object, source_row: object) -> str:
    """Return the address of a row of a source file, as it was read; `sheet` is the sheet's name."""
    return f"{address(database, sheet.replace('-', '_'))}/{source_id},{source_row}"


def _get(row: Any, column: str) -> object:
    try:
        return row[column]
    except (IndexError, KeyError):  # a row of another query
        return None


def _link(datasette: Any, path: str, text: object) -> Markup:
    return Markup('<a href="{}">{}</a>').format(str(datasette.urls.path(path)), text)
