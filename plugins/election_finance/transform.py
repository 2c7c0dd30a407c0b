"""From a sheet's rows to filings and entries: pure, so that the same workbook always gives the same result."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import repeat
from typing import Any

from plugins.election_finance.amendments import ReportVersion
from plugins.election_finance.cleaning import committee_key, normal_name, report_number
from plugins.election_finance.columns import Cleaner, Columns
from plugins.election_finance.layout import AMENDS, AMOUNTS, DATES, FILING_ID, ROW_KEY, Sheet
from plugins.election_finance.manifest import WORKBOOK
from plugins.election_finance.workbook import Batch, Remark

#: The form that a sheet belongs to, where its Form_Type column names a schedule (A, B1…) of it.
_DEFAULT_FORM = "460"
_FORM = re.compile(r"F(\d{3})")

#: The columns that say which version of which report a row is of, and whose.
_COVER = (
    "Filer_ID", "Filer_NamL", "Form_Type", "From_Date", "Thru_Date", "Report_Num", "Rpt_Date", "Rpt_ID_Num",
    "Committee_Type", "Elect_Date", FILING_ID, AMENDS,
)  # fmt: skip
_NAMES = ("Tran_NamL", "Payee_NamL", "Lndr_NamL", "Enty_NamL", "Cand_NamL")


@dataclass(frozen=True, slots=True)
class Filing:
    """One version of one report, as its rows describe it."""

    version: ReportVersion
    committee_name: str
    committee_type: str | None
    election_date: str | None
    format: str = WORKBOOK


#: What entries that share an id have in common: the filing, the sheet, and what the filer calls the transaction.
Group = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A batch of rows after cleaning: the filing and the key of each row, and the columns that have any cell."""

    batch: Batch
    columns: Columns
    filings: list[Filing]
    keys: list[str]

    def __len__(self) -> int:
        return len(self.filings)

    def group(self, at: int) -> Group:
        """Return the group of a row."""
        return (self.filings[at].version.filing_id, self.batch.sheet.name, self.keys[at])

    def entry(self, at: int) -> Entry:
        """Return a row as an entry."""
        row = sorted((name, column[at]) for name, column in self.columns.items() if column[at] is not None)
        cells = [(name, Decimal(f"{value:.2f}") if name in AMOUNTS else value) for name, value in row]
        return Entry(self.group(at), digest(cells), self, at)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: its group, what stands for its content, and its place in a batch."""

    group: Group
    content: str
    cleaned: Cleaned
    at: int


class Transformer:
    """Cleans the rows of one agency's files of one format."""

    def __init__(self, agency: str, format_: str = WORKBOOK, named: Mapping[str, str] | None = None) -> None:
        self._agency, self._format = agency, format_
        self._named = named or {}  # committees by name, for filers without an id
        self._cleaners: dict[date, Cleaner] = {}
        self._filings: dict[tuple[Any, ...], Filing] = {}
        self._by_id: dict[str, Filing] = {}

    def cleaner(self, epoch: date) -> Cleaner:
        """Return the cleaner of workbooks whose serial dates are counted from `epoch`."""
        return self._cleaners.setdefault(epoch, Cleaner(epoch))

    def clean(self, batch: Batch, epoch: date) -> Cleaned:
        """Clean a batch of rows."""
        columns, size = self.cleaner(epoch).clean(batch.cells), len(batch.numbers)
        if batch.filing_ids is not None:
            filings = [self._by_id[filing_id] for filing_id in batch.filing_ids]
        else:
            covers = zip(*(columns.get(name) or [None] * size for name in _COVER), strict=True)
            filings = [self._filings.get(cover) or self._filing(cover) for cover in covers]
        return Cleaned(batch, columns, filings, _keys(batch.sheet, columns, size))

    def _filing(self, cover: tuple[Any, ...]) -> Filing:
        row = dict(zip(_COVER, cover, strict=True))
        found = _FORM.match((row["Form_Type"] or "").upper())
        by_name = None if row["Filer_ID"] else self._named.get(normal_name(row["Filer_NamL"]))
        what = (
            by_name or committee_key(row["Filer_ID"], row["Filer_NamL"]),
            found[1] if found else _DEFAULT_FORM,
            row["From_Date"] or "",
            row["Thru_Date"] or "",
            report_number(row["Report_Num"]),
            row["Rpt_Date"] or "",
            (row["Rpt_ID_Num"] or "").upper(),
        )
        netfile_ids = (row[FILING_ID] or "", row[AMENDS] or "")
        version = ReportVersion(*what, self._filing_id(what, netfile_ids[0]), *netfile_ids)
        about = (row["Filer_NamL"] or "(no name)", row["Committee_Type"], row["Elect_Date"], self._format)
        filing = self._filings.setdefault(cover, Filing(version, *about))
        self._by_id.setdefault(version.filing_id, filing)
        return filing

    def _filing_id(self, what: tuple[Any, ...], netfile_id: str) -> str:
        """Return a filing's id: each format has its own, and NetFile's id distinguishes filings with one cover."""
        if self._format == WORKBOOK:
            return digest(self._agency, *what)
        return digest(self._agency, self._format, *([netfile_id] if netfile_id else what))

    def remarks(self, cleaned: Cleaned, epoch: date) -> list[Remark]:
        """Return what is odd about the rows of a batch, in their order."""
        found = [*_unreadable(cleaned, self.cleaner(epoch)), *_blank(cleaned, self.cleaner(epoch)), *_lost(cleaned)]
        found.sort(key=lambda odd: odd[0])  # what is odd about one row stays in the order that it was found in
        numbers, sheet = cleaned.batch.numbers, cleaned.batch.sheet.name
        return [Remark(sheet, numbers[at], code, detail) for at, code, detail in found]


#: What is odd about a row: its place in the batch, a code, and a detail.
_Odd = tuple[int, str, str]


def _keys(sheet: Sheet, columns: Columns, size: int) -> list[str]:
    if sheet.kind != "summary":
        ids = columns.get("Tran_ID") or columns.get(ROW_KEY) or repeat(None, size)
        return [transaction or "" for transaction in ids]
    parts = (columns.get(name) or [None] * size for name in ("Form_Type", "Line_Item"))
    return [f"{form}/{line}" for form, line in zip(*parts, strict=True)]


def _unreadable(cleaned: Cleaned, cleaner: Cleaner) -> Iterator[_Odd]:
    for name in cleaned.batch.sheet.columns:
        if name in cleaned.columns and name in DATES | AMOUNTS and (bad := cleaner.unreadable(name)):
            code = "bad_date" if name in DATES else "bad_amount"
            for at, cell in enumerate(cleaned.batch.cells[name]):
                if cell in bad:
                    yield at, code, f"{name}: {str(cell)[:80]}"


def _blank(cleaned: Cleaned, cleaner: Cleaner) -> Iterator[_Odd]:
    """Yield the rows that lack a cell that each should have; the reader gives errors, such as #REF!, as blank cells."""
    sheet = cleaned.batch.sheet
    missing: dict[int, list[str]] = {}
    for name in sheet.identity:
        for at in _blanks(name, cleaned, cleaner):
            missing.setdefault(at, []).append(name)
    yield from ((at, "blank_key", ", ".join(names)) for at, names in missing.items())
    yield from ((at, "blank_amount", sheet.amount) for at in _blanks(sheet.amount, cleaned, cleaner))
    if sheet.date:
        yield from ((at, "blank_date", sheet.date) for at in _blanks(sheet.date, cleaned, cleaner))


def _blanks(name: str, cleaned: Cleaned, cleaner: Cleaner) -> Iterable[int]:
    """Return the places of the blank cells of a column; one that cannot be read is not blank."""
    column = cleaned.columns.get(name)
    if column is None:
        return range(len(cleaned))
    if None not in column:
        return ()
    cells, bad = cleaned.batch.cells[name], cleaner.unreadable(name)
    return [at for at, value in enumerate(column) if value is None and cells[at] not in bad]


def _lost(cleaned: Cleaned) -> Iterator[_Odd]:
    for name in _NAMES:
        for at, value in enumerate(cleaned.columns.get(name, ())):
            if value and "?" in value:
                yield at, "lost_character", f"{name}: {value}"


def digest(*parts: object) -> str:
    """Return 16 hexadecimal digits that stand for these parts in this order, the same on every machine."""
    text_of_parts = "\x1f".join(str(part) for part in parts)
    return hashlib.blake2b(text_of_parts.encode(), digest_size=8).hexdigest()
