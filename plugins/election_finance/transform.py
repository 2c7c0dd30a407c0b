"""From a sheet's rows to filings and entries: pure, so that the same workbook always gives the same result."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from typing import Any

from plugins.election_finance.amendments import ReportVersion
from plugins.election_finance.cleaning import Cell, committee_key, iso_date, money, report_number, text
from plugins.election_finance.layout import AMOUNTS, DATES, Sheet
from plugins.election_finance.workbook import Line, Remark, Table

#: The form that a sheet belongs to, where its Form_Type column names a schedule (A, B1…) of it.
_DEFAULT_FORM = "460"
_FORM = re.compile(r"F(\d{3})")


@dataclass(frozen=True, slots=True)
class Filing:
    """One version of one report, as its rows describe it."""

    version: ReportVersion
    committee_name: str
    committee_type: str | None
    election_date: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a sheet, cleaned: its filing, what identifies it there, and its cells by upstream's column."""

    sheet: Sheet
    line: Line
    filing: Filing
    transaction_id: str | None
    key: str
    row: dict[str, Any]


def entries(table: Table, agency: str, remarks: list[Remark]) -> Iterator[Entry]:
    """Clean a sheet's rows in order; what could not be understood is added to `remarks`."""
    cleaners = [(index, column, _cleaner(column)) for index, column in enumerate(table.sheet.columns)]
    for line in table.lines:
        row: dict[str, Any] = {}
        unreadable: set[str] = set()
        for index, column, clean in cleaners:
            cell = line.cells[index]
            if cell is None:
                continue
            value = clean(cell)
            if value is not None:
                row[column] = value
            elif not isinstance(cell, str) or cell.strip():
                unreadable.add(column)
                remarks.append(_unreadable(table.sheet, line, column, cell))
        remarks += _oddities(table.sheet, line, row, row.keys() | unreadable)
        yield _entry(table.sheet, line, row, agency)


def _cleaner(column: str) -> Callable[[Cell], Any]:
    if column in DATES:
        return iso_date
    return money if column in AMOUNTS else text


def _unreadable(sheet: Sheet, line: Line, column: str, cell: Cell) -> Remark:
    code = "bad_date" if column in DATES else "bad_amount"
    return Remark(sheet.name, line.number, code, f"{column}: {str(cell)[:80]}")


def _oddities(sheet: Sheet, line: Line, row: dict[str, Any], filled: Set[str]) -> Iterator[Remark]:
    # The reader returns a blank for a cell that holds an error, such as #REF!.
    if blank := [column for column in sheet.identity if column not in filled]:
        yield Remark(sheet.name, line.number, "blank_key", ", ".join(blank))
    if sheet.amount not in filled:
        yield Remark(sheet.name, line.number, "blank_amount", sheet.amount)
    if sheet.date and sheet.date not in filled:
        yield Remark(sheet.name, line.number, "blank_date", sheet.date)
    for column in ("Tran_NamL", "Payee_NamL", "Lndr_NamL", "Enty_NamL", "Cand_NamL"):
        if "?" in row.get(column, ""):
            yield Remark(sheet.name, line.number, "lost_character", f"{column}: {row[column]}")


def _entry(sheet: Sheet, line: Line, row: dict[str, Any], agency: str) -> Entry:
    transaction = row.get("Tran_ID")
    key = f"{row.get('Form_Type')}/{row.get('Line_Item')}" if sheet.kind == "summary" else transaction or ""
    return Entry(sheet, line, _filing(row, agency), transaction, key, row)


def _filing(row: dict[str, Any], agency: str) -> Filing:
    name = row.get("Filer_NamL") or "(no name)"
    committee = committee_key(row.get("Filer_ID"), row.get("Filer_NamL"))
    found = _FORM.match(row.get("Form_Type", "").upper())
    what = (
        committee,
        found[1] if found else _DEFAULT_FORM,
        row.get("From_Date", ""),
        row.get("Thru_Date", ""),
        report_number(row.get("Report_Num")),
        row.get("Rpt_Date", ""),
        row.get("Rpt_ID_Num", "").upper(),
    )
    version = ReportVersion(*what, filing_id=digest(agency, *what))
    return Filing(version, name, row.get("Committee_Type"), row.get("Elect_Date"))


def digest(*parts: object) -> str:
    """Return 16 hexadecimal digits that stand for these parts in this order, the same on every machine."""
    text_of_parts = "\x1f".join(str(part) for part in parts)
    return hashlib.blake2b(text_of_parts.encode(), digest_size=8).hexdigest()


class Identities:
    """Gives each entry an id that depends on nothing but its filing and transaction: not on the file, nor its order.

    Transaction ids repeat within a filing for different gifts, and a filing may come in two years' files. So
    rows that share (filing, sheet, transaction) are counted by content: a row that an earlier file already
    gave is the same row, while two equal rows within one file are two. Which of those that share it has which
    number does depend on the files: on what they hold together, and in the order of their years.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], list[str]] = {}

    def assign(self, batch: list[Entry]) -> Iterator[tuple[str, Entry]]:
        """Yield (id, entry) for the entries of one sheet of one file that no earlier file gave."""
        groups: dict[tuple[str, str, str], list[tuple[str, Entry]]] = {}
        for entry in batch:
            group = (entry.filing.version.filing_id, entry.sheet.name, entry.key)
            groups.setdefault(group, []).append((digest(sorted(entry.row.items())), entry))
        for group, members in groups.items():
            yield from self._number(group, sorted(members, key=lambda member: member[0]))

    def _number(self, group: tuple[str, str, str], members: list[tuple[str, Entry]]) -> Iterator[tuple[str, Entry]]:
        known = self._known.setdefault(group, [])
        spare = list(known)
        for content, entry in members:
            if content in spare:
                spare.remove(content)
                continue
            yield digest(*group, len(known)), entry
            known.append(content)
