"""Loads workbooks into the tables of a new database: every row twice, as it came and as it reads best."""

# ruff: noqa: S608 - the names in the SQL made here are our own

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from plugins.election_finance.cleaning import Cell, text
from plugins.election_finance.filers import Rolls
from plugins.election_finance.friendly_columns import FIELDS
from plugins.election_finance.layout import SHEETS, STREETS, Sheet
from plugins.election_finance.manifest import Source
from plugins.election_finance.schema import friendly_columns, raw_columns
from plugins.election_finance.transform import Entry, Identities, entries
from plugins.election_finance.workbook import Remark, Table, Workbook


class Loader:
    """One database being filled; its tables exist, and no reader sees it yet."""

    def __init__(self, connection: sqlite3.Connection, agency: str) -> None:
        self.connection = connection
        self.agency = agency
        self.rows_in = 0
        self.rows_out = 0
        self._rolls = Rolls()
        self._identities = Identities()

    def add(self, source: Source, book: Workbook) -> None:
        """Load one year's workbook."""
        remarks = list(book.remarks)
        for table in book.tables:
            self._add_table(source, table, remarks)
        rows = ((None, source.year, remark.sheet, remark.row, remark.code, remark.detail) for remark in remarks)
        insert(self.connection, "row_issues", 6, rows)
        self.rows_in += book.rows

    def _add_table(self, source: Source, table: Table, remarks: list[Remark]) -> None:
        sheet = table.sheet
        batch = list(entries(table, self.agency, remarks))
        for entry in batch:
            self._rolls.note(entry.filing)
        insert(self.connection, sheet.raw, len(raw_columns(sheet)), _raw_rows(source, sheet, batch))
        fresh = list(self._identities.assign(batch))
        rows = (_friendly_row(source, row_id, entry) for row_id, entry in fresh)
        insert(self.connection, sheet.friendly, len(friendly_columns(sheet)), rows)
        self.rows_out += len(fresh)
        if repeated := len(batch) - len(fresh):
            remarks.append(
                Remark(sheet.name, None, "repeated_rows", f"{repeated} that an earlier year's file also has")
            )

    def finish(self) -> None:
        """Write the committees and the filings, and what their verdicts mean for the rows."""
        committees = list(self._rolls.committees())
        names = ((committee.committee_id, *name) for committee in committees for name in committee.names)
        insert(self.connection, "committees", 8, (committee.row for committee in committees))
        insert(self.connection, "committee_names", 4, names)
        insert(self.connection, "filings", 14, self._rolls.filings())
        for sheet in SHEETS:
            self.connection.execute(
                f"UPDATE {sheet.friendly} SET committee_name = c.name FROM committees c "
                f"WHERE c.committee_id = {sheet.friendly}.committee_id AND committee_name <> c.name"
            )
            self.connection.execute(
                f"UPDATE {sheet.friendly} SET is_current = 0 "
                "WHERE filing_id IN (SELECT filing_id FROM filings WHERE is_current = 0)"
            )


def insert(connection: sqlite3.Connection, table: str, width: int, rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows of `width` values into a table, in the order of its columns."""
    connection.executemany(f'INSERT INTO "{table}" VALUES ({", ".join("?" * width)})', rows)


def _raw_rows(source: Source, sheet: Sheet, batch: Iterable[Entry]) -> Iterable[tuple[Any, ...]]:
    kept = [index for index, column in enumerate(sheet.columns) if not column.endswith(STREETS)]
    for entry in batch:
        cells = entry.line.cells
        yield (source.year, entry.line.number, entry.filing.version.filing_id, *(_as_read(cells[at]) for at in kept))


def _as_read(cell: Cell) -> str | float | None:
    if isinstance(cell, bool):
        return str(cell)
    return text(cell) if isinstance(cell, float) and cell.is_integer() else cell


def _friendly_row(source: Source, row_id: str, entry: Entry) -> tuple[Any, ...]:
    version = entry.filing.version
    head = (
        row_id,
        version.filing_id,
        version.committee_id,
        entry.filing.committee_name,
        version.report_date or None,
        version.from_date or None,
        version.thru_date or None,
        version.report_num,
        1,
        entry.transaction_id,
        source.year,
    )
    values = (field.make(entry.row) for field in FIELDS[entry.sheet.kind])
    return (*head, *(float(value) if isinstance(value, Decimal) else value for value in values))
