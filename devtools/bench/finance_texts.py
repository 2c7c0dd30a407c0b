"""Writes large text files of each source of money, from the rows that the workbooks of the bench have."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

from devtools.bench.finance_books import Row, gifts, payments
from plugins.election_finance.layout import SHEET
from plugins.election_finance.sources.search_rows import FilingFacts, Findings, Found

#: What cal201 calls the columns of the bench's rows.
_CAL201 = {
    "FilerStateId": ("Filer_ID",),
    "FilerName": ("Filer_NamL",),
    "FilingStartDate": ("From_Date",),
    "FilingEndDate": ("Thru_Date",),
    "Form_Type": ("Form_Type",),
    "Tran_Id": ("Tran_ID",),
    "Entity_Cd": ("Entity_Cd",),
    "Tran_NamL": ("Tran_NamL", "Payee_NamL"),
    "Tran_NamF": ("Tran_NamF",),
    "Tran_City": ("Tran_City", "Payee_City"),
    "Tran_ST": ("Tran_State", "Payee_State"),
    "Tran_Zip4": ("Tran_Zip4", "Payee_Zip4"),
    "Tran_Emp": ("Tran_Emp",),
    "Tran_Occ": ("Tran_Occ",),
    "Tran_Date": ("Tran_Date", "Expn_Date"),
    "Tran_Amt1": ("Tran_Amt1", "Amount"),
    "Tran_Code": ("Expn_Code",),
    "Tran_Dscr": ("Expn_Dscr",),
}


def write_texts(source: str, folder: Path, rows: int, year: int) -> None:
    """Write the files of a source with so many rows into a folder."""
    if source == "cal201":
        _write_csv(folder / f"{year}.csv", [*_CAL201, "NetFileKey", "FilingId"], _cal201(rows, year))
    elif source == "sheet":
        for name, made in (("A-Contributions", gifts(rows, year)), ("E-Expenditure", payments(rows, year))):
            _write_csv(folder / f"{name}.csv", list(SHEET[name].columns), made)
    elif source == "efile":
        _write_efiles(folder, rows, year)
    else:
        _findings(rows, year).write(folder / f"{year}.json")


def _rows(rows: int, year: int) -> Iterator[Row]:
    yield from gifts(rows, year)
    yield from payments(rows, year)


def _write_csv(path: Path, header: list[str], rows: Iterator[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def _filing_id(row: Mapping[str, object]) -> str:
    filer, half = int(str(row["Filer_ID"])), str(row["From_Date"])[5:7] == "07"
    return str(100_000_000 + 2 * filer + half)


def _cal201(rows: int, year: int) -> Iterator[Row]:
    for number, row in enumerate(_rows(rows, year)):
        named = {
            name: next((row[column] for column in columns if column in row), "") for name, columns in _CAL201.items()
        }
        yield {**named, "NetFileKey": str(number), "FilingId": _filing_id(row)}


def _write_efiles(folder: Path, rows: int, year: int) -> None:
    """Write the filings, each a file."""
    ordered = sorted(_rows(rows, year), key=_filing_id)
    for filing, group in groupby(ordered, key=_filing_id):
        of_filing = list(group)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(["HDR", "CAL", "CA", "2.01", "Bench", "1", ""])
        writer.writerow(_cover(of_filing[0]))
        writer.writerows(_record(row) for row in of_filing)
        (folder / f"{filing}.txt").write_text(text.getvalue(), encoding="utf-8")


def _compact(day: object) -> str:
    return str(day).replace("-", "")


def _cover(row: Row) -> list[object]:
    who = ["CVR", "F460", row["Filer_ID"], "RCP", row["Filer_NamL"], "", "", ""]
    dates = [_compact(row[name]) for name in ("From_Date", "Thru_Date")]
    return [*who, row["Report_Num"], _compact(row["Rpt_Date"]), "SA", "", *dates]


def _record(row: Row) -> list[object]:
    if row["Form_Type"] == "A":
        who = ["RCPT", "A", row["Tran_ID"], "IND", row["Tran_NamL"], row["Tran_NamF"], "", "", "", ""]
        place = [row["Tran_City"], "CA", row["Tran_Zip4"], row["Tran_Emp"], row["Tran_Occ"], "n", ""]
        return [*who, *place, _compact(row["Tran_Date"]), "", row["Tran_Amt1"]]
    who = ["EXPN", "E", row["Tran_ID"], "OTH", row["Payee_NamL"], "", "", "", "", "", row["Payee_City"], "CA"]
    return [*who, row["Payee_Zip4"], _compact(row["Expn_Date"]), row["Amount"], "", "", "", "LIT", row["Expn_Dscr"]]


def _findings(rows: int, year: int) -> Findings:
    found = Findings()
    for number, row in enumerate(_rows(rows, year)):
        filing = _filing_id(row)
        dates = [str(row[name]) for name in ("Rpt_Date", "From_Date", "Thru_Date")]
        found.filings[filing] = FilingFacts("0", "", *dates)
        who = (str(number), filing, str(row["Form_Type"]), str(row["Filer_ID"]), str(row["Filer_NamL"]))
        day, amount = row.get("Tran_Date", row.get("Expn_Date")), row.get("Tran_Amt1", row.get("Amount"))
        name = str(row.get("Tran_NamL", row.get("Payee_NamL")))
        found.rows[str(number)] = Found(*who, str(day), str(amount), name, "Oakland", "CA", "94601")
    return found
