"""Loads workbooks into the tables of a new database: every row twice, as it came and as it reads best."""

# ruff: noqa: S608 - the names in the SQL made here are our own

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from datetime import date
from itertools import groupby, islice, repeat
from typing import Any

from plugins.election_finance.cleaning import normal_name
from plugins.election_finance.columns import Cleaner
from plugins.election_finance.filers import Rolls
from plugins.election_finance.identities import Identities
from plugins.election_finance.layout import PART_3, SHEET, SHEETS, Sheet
from plugins.election_finance.manifest import SEARCH, SourceFile
from plugins.election_finance.same_filing import Content
from plugins.election_finance.schema import HEAD, friendly_columns
from plugins.election_finance.transform import Cleaned, Entry, Filing, Transformer, digest
from plugins.election_finance.workbook import Batch, Remark, Workbook

#: Of how many filings the rows are held at once, where rows of theirs share an id.
_FILINGS = 200
_ROWS = 1000

#: The columns of the other party's name; Form 496 has none that all sources agree on.
_NAMES = ("contributor_name", "payee_name", "lender_name", "contributor_or_recipient")


class Loader:
    """One database being filled; its tables exist, and no reader sees it yet."""

    def __init__(self, connection: sqlite3.Connection, agency: str) -> None:
        self.connection = connection
        self.rows_in = 0
        self.rows_out = 0
        self._rolls = Rolls()
        self._agency = agency
        self._transformers: dict[str, Transformer] = {}  # by format
        self._epochs: dict[int, date] = {}
        self._found: set[str] = set()  # the filings of this file
        self._earlier: set[str] = set()  # the filings of earlier files

    def add(self, source: SourceFile, book: Workbook) -> None:
        """Load one file."""
        self._epochs[source.source_id] = book.epoch
        if source.format not in self._transformers:
            self._transformers[source.format] = Transformer(
                self._agency, source.format, self._rolls.named() if source.format == SEARCH else {}
            )
        self._remark(source, book.remarks)
        for sheet, batches in groupby(book.batches(), key=lambda batch: batch.sheet):
            self._add_sheet(source, sheet, batches)
        self.rows_in += book.rows
        self._earlier |= self._found
        self._found.clear()

    def _add_sheet(self, source: SourceFile, sheet: Sheet, batches: Iterable[Batch]) -> None:
        part = SheetPart(self.connection, source, sheet, self._earlier)
        transformer, epoch = self._transformers[source.format], self._epochs[source.source_id]
        for batch in batches:
            cleaner = transformer.cleaner(epoch)
            cleaned = transformer.clean(batch, epoch)
            self._remark(source, transformer.remarks(cleaned, epoch))
            for filing in {id(filing): filing for filing in cleaned.filings}.values():
                self._rolls.note(filing, sheet)
                self._found.add(filing.version.filing_id)
            part.add(cleaned, cleaner)
        self._settle(part)
        self.rows_out += part.given
        if repeated := part.rows - part.given:
            detail = f"{repeated} that an earlier file also has"
            self._remark(source, [Remark(sheet.name, None, "repeated_rows", detail)])

    def _settle(self, part: SheetPart) -> None:
        """Give the deferred rows of a sheet, which share an id or may be of an earlier workbook, ids of their own."""
        filings = iter(sorted(part.deferred))
        while some := list(islice(filings, _FILINGS)):
            identities = Identities()
            read_back = self._read_back(part.sheet, some, self._transformers[part.source.format])
            for source_id, batches in groupby(read_back, key=lambda pair: pair[0]):
                deferred = [cleaned.entry(at) for _, cleaned in batches for at in part.deferred_of(cleaned)]
                numbered = list(identities.assign(deferred))
                if source_id == part.source.source_id:
                    part.add_again(numbered, self._transformers[part.source.format].cleaner(self._epochs[source_id]))

    def _read_back(
        self, sheet: Sheet, filings: Sequence[str], transformer: Transformer
    ) -> Iterator[tuple[int, Cleaned]]:
        """Yield the rows of some filings from the raw table, with the id of their file, in the order of loading."""
        kept = ", ".join(f'"{column}"' for column in sheet.kept)
        rows = self.connection.execute(
            f'SELECT _source_id, _row, _filing_id, {kept} FROM "{sheet.raw}" '
            f"WHERE _filing_id IN ({', '.join('?' * len(filings))})",
            filings,
        ).fetchall()
        order = {source_id: place for place, source_id in enumerate(self._epochs)}
        rows.sort(key=lambda row: (order[row[0]], row[1]))
        for source_id, of_source in groupby(rows, key=lambda row: int(row[0])):
            while some := list(islice(of_source, _ROWS)):
                _ids, numbers, filing_ids, *columns = map(list, zip(*some, strict=True))
                named = dict(zip(sheet.kept, columns, strict=True))
                cells = {name: cells for name, cells in named.items() if cells.count(None) < len(cells)}
                yield source_id, transformer.clean(Batch(sheet, numbers, cells, filing_ids), self._epochs[source_id])

    def _remark(self, source: SourceFile, remarks: Iterable[Remark]) -> None:
        rows = ((None, source.source_id, remark.sheet, remark.row, remark.code, remark.detail) for remark in remarks)
        insert(self.connection, "row_issues", 6, rows)

    def finish(self) -> None:
        """Write the committees and the filings, and what their verdicts mean for the rows."""
        committees = list(self._rolls.committees())
        names = ((committee.committee_id, *name) for committee in committees for name in committee.names)
        insert(self.connection, "committees", 9, (committee.row for committee in committees))
        insert(self.connection, "committee_names", 4, names)
        self._rolls.judge(self._contents)
        insert(self.connection, "filings", 16, self._rolls.filings())
        self._tie_part_3()
        self._say_of_reports("overlapping_periods", self._rolls.overlapping())
        self._say_of_reports("no_original", self._rolls.without_original())
        for sheet in SHEETS:
            self.connection.execute(
                f"UPDATE {sheet.friendly} SET committee_name = c.name FROM committees c "
                f"WHERE c.committee_id = {sheet.friendly}.committee_id AND committee_name <> c.name"
            )
            self.connection.execute(
                f"UPDATE {sheet.friendly} SET is_current = 0 "
                "WHERE filing_id IN (SELECT filing_id FROM filings WHERE is_current = 0)"
            )

    def _contents(self, filings: Sequence[str]) -> dict[str, Content]:
        """Return the rows of filings as one compares them between sources: sheet, day, amount, words of the name."""
        found: dict[str, Content] = {filing_id: Content() for filing_id in filings}
        for sheet in SHEETS:
            columns = friendly_columns(sheet)
            day, amount, name = (
                next((column for column in names if column in columns), "NULL")
                for names in (("date", "loan_date"), ("amount", "received", "incurred"), _NAMES)
            )
            for start in range(0, len(filings), _FILINGS):
                some = filings[start : start + _FILINGS]
                rows = self.connection.execute(
                    f"SELECT filing_id, {day}, {amount}, {name} FROM {sheet.friendly} "
                    f"WHERE filing_id IN ({', '.join('?' * len(some))})",
                    some,
                )
                for filing_id, *cells, text in rows:
                    found[filing_id][sheet.name, *cells, *sorted(normal_name(text).split())] += 1
        return found

    def _tie_part_3(self) -> None:
        """Give the rows of part 3 of Form 496 the filing of their report."""
        ties = [(filing, report) for filing, report in self._rolls.ties()]
        self.connection.execute("CREATE TEMP TABLE ties (filing_id TEXT PRIMARY KEY, report TEXT) WITHOUT ROWID")
        insert(self.connection, "ties", 2, ((filing.version.filing_id, report) for filing, report in ties))
        for table, column in ((SHEET[PART_3].raw, "_filing_id"), (SHEET[PART_3].friendly, "filing_id")):
            self.connection.execute(
                f"UPDATE {table} SET {column} = (SELECT report FROM ties WHERE ties.filing_id = {table}.{column}) "
                f"WHERE {column} IN (SELECT filing_id FROM ties)"
            )
        self.connection.execute("DROP TABLE ties")
        untied = (_without_report(filing) for filing, report in ties if report is None)
        self._say_of_reports("no_report", untied, PART_3)

    def _say_of_reports(self, code: str, details: Iterable[str], sheet: str | None = None) -> None:
        rows = ((None, None, sheet, None, code, detail) for detail in details)
        insert(self.connection, "row_issues", 6, rows)


class SheetPart:
    """The rows of one sheet of one file on their way into its two tables.

    A row whose id another row of the sheet has, or whose filing is one of `earlier`, is deferred: which id is its own
    depends on all rows that share it.
    """

    def __init__(self, connection: sqlite3.Connection, source: SourceFile, sheet: Sheet, earlier: Set[str]) -> None:
        self.source, self.sheet = source, sheet
        self.rows = self.given = 0
        self.deferred: dict[str, set[str]] = {}  # keys by filing
        self._connection, self._earlier = connection, earlier
        self._ids: set[str] = set()

    def add(self, cleaned: Cleaned, cleaner: Cleaner) -> None:
        """Add a batch of rows to the raw table, and to the friendly table those that are not deferred."""
        filing_ids = [filing.version.filing_id for filing in cleaned.filings]
        head = {"_source_id": repeat(self.source.source_id), "_row": cleaned.batch.numbers, "_filing_id": filing_ids}
        raw = TableColumns({**head, **cleaner.raw(self.sheet, cleaned.batch.cells)})
        insert_columns(self._connection, self.sheet.raw, raw, raw.rows())
        self.rows += len(cleaned)
        name = self.sheet.name
        ids = [digest(filing_id, name, key, 0) for filing_id, key in zip(filing_ids, cleaned.keys, strict=True)]
        made = self._friendly(cleaned, cleaner, ids)
        rows: Iterable[tuple[Any, ...]] = made.rows()
        if len({*ids}) < len(ids) or not self._ids.isdisjoint(ids) or not self._earlier.isdisjoint(filing_ids):
            rows = [row for at, row in enumerate(rows) if self._is_first(row[0], cleaned, at)]
        self._ids.update(ids)
        self.given += insert_columns(self._connection, self.sheet.friendly, made, rows)

    def _is_first(self, row_id: str, cleaned: Cleaned, at: int) -> bool:
        filing_id, _sheet, key = cleaned.group(at)
        if filing_id not in self._earlier and row_id not in self._ids:
            self._ids.add(row_id)
            return True
        self.deferred.setdefault(filing_id, set()).add(key)
        return False

    def _friendly(self, cleaned: Cleaned, cleaner: Cleaner, ids: Iterable[str]) -> TableColumns:
        heads = {id(filing): _head(filing) for filing in {id(filing): filing for filing in cleaned.filings}.values()}
        head = zip(*(heads[id(filing)] for filing in cleaned.filings), strict=True)
        names = [name for name, _type in HEAD]
        columns: dict[str, Iterable[Any]] = dict(zip(names, [ids, *head], strict=False))
        columns["transaction_id"] = cleaned.columns.get("Tran_ID") or repeat(None)
        columns["source_id"] = repeat(self.source.source_id)
        columns["source_row"] = cleaned.batch.numbers
        return TableColumns({**columns, **cleaner.friendly(self.sheet, cleaned.columns, len(cleaned))})

    def deferred_of(self, cleaned: Cleaned) -> Iterator[int]:
        """Yield the places of the rows of a batch that share an id with a deferred row, or are deferred themselves."""
        for at in range(len(cleaned)):
            filing_id, _sheet, key = cleaned.group(at)
            if key in self.deferred.get(filing_id, ()):
                yield at

    def add_again(self, numbered: Sequence[tuple[str, Entry]], cleaner: Cleaner) -> None:
        """Add deferred rows to the friendly table, in place of those with their ids that are there already."""
        firsts = {digest(*entry.group, 0) for _, entry in numbered if entry.group[0] not in self._earlier}
        taken = f"DELETE FROM {self.sheet.friendly} WHERE id = ?"
        self.given -= self._connection.executemany(taken, ((row_id,) for row_id in firsts)).rowcount
        by_batch: dict[int, list[tuple[str, Entry]]] = {}
        for row_id, entry in numbered:
            by_batch.setdefault(id(entry.cleaned), []).append((row_id, entry))
        for entries in by_batch.values():
            cleaned = entries[0][1].cleaned
            made = self._friendly(cleaned, cleaner, repeat(""))
            found = list(made.rows())
            rows = [(row_id, *found[entry.at][1:]) for row_id, entry in entries]
            self.given += insert_columns(self._connection, self.sheet.friendly, made, rows)


class TableColumns(dict[str, Iterable[Any]]):
    """TableColumns of a table by name, some of them endless, but not all."""

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield their rows."""
        return zip(*self.values(), strict=False)


def insert(connection: sqlite3.Connection, table: str, width: int, rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows of `width` values into a table, in the order of its columns."""
    connection.executemany(f'INSERT INTO "{table}" VALUES ({", ".join("?" * width)})', rows)


def insert_columns(
    connection: sqlite3.Connection, table: str, columns: Collection[str], rows: Iterable[Sequence[Any]]
) -> int:
    """Insert rows of some columns into a table and return how many; the other columns become NULL."""
    names = ", ".join(f'"{name}"' for name in columns)
    places = ", ".join("?" * len(columns))
    return connection.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({places})', rows).rowcount


def _without_report(filing: Filing) -> str:
    version = filing.version
    which = f"dated {version.report_date or '(blank)'}, report number {version.report_num}"
    return f"{filing.committee_name} ({version.committee_id}): no 496 {which}, is among the reports"


def _head(filing: Filing) -> tuple[Any, ...]:
    """Return the values of a friendly table's head from filing_id to is_current."""
    version = filing.version
    dates = (version.report_date or None, version.from_date or None, version.thru_date or None)
    return (version.filing_id, version.committee_id, filing.committee_name, *dates, version.report_num, 1)
