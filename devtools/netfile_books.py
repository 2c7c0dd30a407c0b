"""Writes workbooks of NetFile's shape from reports; what they should give is counted from those, not by the ETL."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from openpyxl import Workbook

from plugins.election_finance.layout import SHEETS

Rows = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Gift:
    """A contribution: who, where from, when, how much."""

    last: str
    first: str
    city: str
    zip_code: str
    day: date
    amount: float
    kind: str = "IND"


@dataclass(frozen=True)
class Payment:
    """A payment made: to whom, when, how much, for what."""

    payee: str
    day: date
    amount: float
    code: str = "LIT"


@dataclass(frozen=True)
class Report:
    """One filed version of a Form 460; `counts` says whether it should be current."""

    filer: str
    name: str
    number: str
    filed: date
    start: date
    end: date
    gifts: Sequence[Gift] = ()
    payments: Sequence[Payment] = ()
    unitemised: float = 0.0
    counts: bool = True
    kind: str = "CTL"

    @property
    def contributions(self) -> float:
        """Return what line 5 says."""
        return sum(gift.amount for gift in self.gifts) + self.unitemised

    @property
    def spent(self) -> float:
        """Return what line 11 says."""
        return sum(payment.amount for payment in self.payments)


def cover(report: Report) -> dict[str, Any]:
    """Return the cells that each of a report's rows begins with."""
    return {
        "Filer_ID": report.filer,
        "Filer_NamL": report.name,
        "Report_Num": report.number,
        "Committee_Type": report.kind,
        "Rpt_Date": report.filed,
        "From_Date": report.start,
        "Thru_Date": report.end,
    }


def rows_of(report: Report) -> dict[str, list[dict[str, Any]]]:
    """Return a report's rows by sheet: its gifts, its payments, and Summary lines that they add up to."""
    head = cover(report)
    gifts = [
        {
            **head,
            "Rec_Type": "RCPT",
            "Form_Type": "A",
            "Tran_ID": f"INC{number}",
            "Entity_Cd": gift.kind,
            "Tran_NamL": gift.last,
            "Tran_NamF": gift.first or None,
            "Tran_City": gift.city,
            "Tran_State": "CA",
            "Tran_Zip4": gift.zip_code,
            "Tran_Emp": "Self" if gift.kind == "IND" else None,
            "Tran_Occ": "Gardener" if gift.kind == "IND" else None,
            "Tran_Self": "n",
            "Tran_Date": gift.day,
            "Tran_Amt1": gift.amount,
            "Tran_Amt2": gift.amount,
        }
        for number, gift in enumerate(report.gifts, start=1)
    ]
    payments = [
        {
            **head,
            "Rec_Type": "EXPN",
            "Form_Type": "E",
            "Tran_ID": f"PAY{number}",
            "Entity_Cd": "OTH",
            "Payee_NamL": payment.payee,
            "Expn_Date": payment.day,
            "Amount": payment.amount,
            "Expn_Code": payment.code,
        }
        for number, payment in enumerate(report.payments, start=1)
    ]
    return {"A-Contributions": gifts, "E-Expenditure": payments, "Summary": _summary(report, head)}


def _summary(report: Report, head: Mapping[str, Any]) -> list[dict[str, Any]]:
    itemised = sum(gift.amount for gift in report.gifts)
    lines = {
        ("A", "1"): itemised,
        ("A", "2"): report.unitemised,
        ("A", "3"): report.contributions,
        ("E", "1"): report.spent,
        ("E", "4"): report.spent,
        ("F460", "1"): report.contributions,
        ("F460", "2"): 0.0,
        ("F460", "4"): 0.0,
        ("F460", "5"): report.contributions,
        ("F460", "11"): report.spent,
        ("F460", "16"): report.contributions - report.spent,
        ("F460", "19"): 0.0,
    }
    return [
        {**head, "Rec_Type": "SMRY", "Form_Type": form, "Line_Item": line, "Amount_A": amount}
        for (form, line), amount in lines.items()
    ]


@dataclass
class Year:
    """What goes into one year's workbook: whole reports, and rows of other sheets."""

    reports: list[Report] = field(default_factory=list)
    others: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Return the rows by sheet."""
        rows: dict[str, list[dict[str, Any]]] = {}
        for part in [*map(rows_of, self.reports), self.others]:
            for sheet, more in part.items():
                rows.setdefault(sheet, []).extend(more)
        return rows


def workbook(rows: Rows, *, drop: Iterable[tuple[str, str]] = (), sheets: Sequence[str] | None = None) -> bytes:
    """Return an .xlsx with all sixteen sheets, or those of `sheets`, but the columns (sheet, name) in `drop`."""
    book = Workbook(write_only=True)
    for sheet in SHEETS:
        if sheets is not None and sheet.name not in sheets:
            continue
        columns = [column for column in sheet.columns if (sheet.name, column) not in set(drop)]
        page = book.create_sheet(sheet.name)
        page.append(columns)
        for row in rows.get(sheet.name, ()):
            page.append([row.get(column) for column in columns])
    saved = io.BytesIO()
    book.save(saved)
    return _reproducible(saved.getvalue())


def zipped(members: Mapping[str, bytes]) -> bytes:
    """Return a ZIP file that depends on nothing but its members."""
    saved = io.BytesIO()
    with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name)
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, content)
    return saved.getvalue()


def _reproducible(content: bytes) -> bytes:
    """Take the time of writing out of a workbook, so that the same rows give the same bytes."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    core = members["docProps/core.xml"]
    members["docProps/core.xml"] = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2024-01-01T00:00:00Z", core)
    return zipped(members)
