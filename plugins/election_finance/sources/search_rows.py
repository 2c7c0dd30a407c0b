"""What a search found, as a file: the facts of each filing, and its rows, the same whichever search it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from clerk.fetching.visitor import Trouble
from plugins.election_finance.archive import ARCHIVE_LIMITS
from plugins.election_finance.errors import BadSource
from plugins.election_finance.layout import AMENDS, FILING_ID, ROW_KEY
from plugins.election_finance.sources.text_rows import GIVEN_COLUMNS, SCHEDULES, SheetWriter, schedule, unknown_schedule
from plugins.election_finance.workbook import Remark, Workbook

#: How often pages are read again whose rows are fewer than their server says.
_WALKS = 3

#: A server that never ends is left after so many pages.
_MOST_PAGES = 10_000


@dataclass(frozen=True, slots=True)
class FilingFacts:
    """What a search knows of a filing; all is text, and blank where it is not known. Dates are YYYY-MM-DD."""

    number: str = ""  # 0 original, n the n-th amendment
    amends: str = ""  # NetFile's id of the filing that it amends
    filed: str = ""
    start: str = ""
    end: str = ""
    report_id: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """One row that a search found; `schedule` is its Form_Type."""

    id: str
    filing: str
    schedule: str
    filer_id: str
    filer: str
    date: str
    amount: str
    name: str
    city: str = ""
    state: str = ""
    zip: str = ""
    employer: str = ""
    occupation: str = ""
    code: str = ""
    description: str = ""
    committee_id: str = ""
    candidate: str = ""


@dataclass(slots=True)
class Findings:
    """All that a search has found so far; filings that are `owed` are known, and their facts are still to be asked."""

    filings: dict[str, FilingFacts] = field(default_factory=dict)
    rows: dict[str, Found] = field(default_factory=dict)
    owed: list[str] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write a file that is the same for the same findings."""
        content = {
            "filings": {filing: asdict(facts) for filing, facts in sorted(self.filings.items())},
            "rows": [asdict(row) for _, row in sorted(self.rows.items())],
            "owed": sorted(self.owed),
        }
        path.write_text(json.dumps(content, indent=0), encoding="utf-8")


def read_findings(path: Path) -> Findings:
    """Read a file of findings; BadSource where it is damaged."""
    if (size := path.stat().st_size) > ARCHIVE_LIMITS.bytes:
        raise BadSource(f"{size:,} bytes, more than the {ARCHIVE_LIMITS.bytes:,} that are allowed")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        filings = {filing: FilingFacts(**facts) for filing, facts in content["filings"].items()}
        return Findings(filings, {row["id"]: Found(**row) for row in content["rows"]}, content["owed"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadSource(f"the findings of a search are damaged: {error}") from None


#: What the columns of a sheet are called here; those that begin with a party's or a place's prefix are matched by it.
_FIRST = {"Filer_ID": "filer_id", "Filer_NamL": "filer", "Form_Type": "schedule", FILING_ID: "filing", ROW_KEY: "id"}
_OF_KIND = {
    "contribution": {
        "Tran_NamL": "name",
        "Tran_Date": "date",
        "Tran_Amt1": "amount",
        "Tran_Dscr": "description",
        "Tran_City": "city",
        "Tran_State": "state",
        "Tran_Zip4": "zip",
        "Tran_Emp": "employer",
        "Tran_Occ": "occupation",
        "Cmte_ID": "committee_id",
    },
    "expenditure": {
        "Payee_NamL": "name",
        "Expn_Date": "date",
        "Amount": "amount",
        "Expn_Code": "code",
        "Expn_Dscr": "description",
        "Payee_City": "city",
        "Payee_State": "state",
        "Payee_Zip4": "zip",
        "Cmte_ID": "committee_id",
        "Cand_NamL": "candidate",
    },
    "accrued": {
        "Payee_NamL": "name",
        "Amt_Incur": "amount",
        "Expn_Code": "code",
        "Expn_Dscr": "description",
        "Payee_City": "city",
        "Payee_State": "state",
        "Payee_Zip4": "zip",
        "Cmte_ID": "committee_id",
    },
    "loan": {
        "Lndr_NamL": "name",
        "Loan_Date1": "date",
        "Loan_Amt1": "amount",
        "Loan_City": "city",
        "Loan_ST": "state",
        "Loan_Zip4": "zip",
        "Loan_EMP": "employer",
        "Loan_OCC": "occupation",
        "Cmte_ID": "committee_id",
    },
    "late_contribution": {
        "Enty_NamL": "name",
        "Ctrib_Date": "date",
        "Amount": "amount",
        "Enty_City": "city",
        "Enty_ST": "state",
        "Enty_Zip4": "zip",
        "Ctrib_Emp": "employer",
        "Ctrib_Occ": "occupation",
        "Cmte_ID": "committee_id",
        "Cand_NamL": "candidate",
    },
    "late_expenditure": {
        "Exp_Date": "date",
        "Amount": "amount",
        "Expn_Dscr": "description",
        "Cand_NamL": "candidate",
    },
}
_FACTS = {"Report_Num": "number", "Rpt_Date": "filed", "From_Date": "start", "Thru_Date": "end", AMENDS: "amends"}
_ROW_NAMES = [each.name for each in fields(Found)]
_FACT_NAMES = [each.name for each in fields(FilingFacts)]


def _picks() -> dict[str, dict[str, int]]:
    places = {name: at for at, name in enumerate([*_ROW_NAMES, *_FACT_NAMES])}
    facts = {**_FACTS, "Rpt_ID_Num": "report_id"}
    return {
        sheet.name: {
            column: places[name]
            for column, name in {**_FIRST, **facts, **_OF_KIND[sheet.kind]}.items()
            if column in GIVEN_COLUMNS[sheet.name]
        }
        for sheet in {*SCHEDULES.values()}
    }


def read_rows(path: Path, into: Path) -> Workbook:
    """Read a file of findings as sheets; the rows of filings that are owed wait, so that none counts twice."""
    findings = read_findings(path)
    writer, owed = SheetWriter(into, _picks()), set(findings.owed)
    for number, row in enumerate(findings.rows.values(), start=1):
        sheet = schedule(row.schedule)
        if sheet is None:
            writer.remark(unknown_schedule(number, row.schedule, f"{row.filer}, {row.amount}"))
        elif row.filing not in owed:
            facts = findings.filings.get(row.filing, FilingFacts())
            values = [getattr(row, name) for name in _ROW_NAMES] + [getattr(facts, name) for name in _FACT_NAMES]
            writer.add(sheet, number, values)
    if owed:
        detail = f"{len(owed)} filings whose facts are still to be asked; their rows are not loaded yet"
        writer.remark(Remark(None, None, "owed_filings", detail))
    return writer.workbook()


#: One page of rows: the rows as they came, and how many there are in all, as the server says.
Page = tuple[list[Mapping[str, Any]], int]


def walk(get: Callable[[int], Page], first: int) -> dict[str, Mapping[str, Any]]:
    """Return {id: row} of all pages from the number `first` on; Trouble where the server gives fewer than it says.

    Totals and numbers of pages are not believed: a total may be 0 above a page of rows, and the order of rows may
    change between two pages, so that one is missed. Pages are read until one has nothing new, and again if some lack.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for _ in range(_WALKS):
        total, seen = 0, set[str]()
        for number in range(first, first + _MOST_PAGES):
            rows, said = get(number)
            page = {str(row["id"]): row for row in rows}
            total, found = max(total, said), found | page
            if page.keys() <= seen or 0 < said <= len(found):
                break
            seen |= page.keys()
        if len(found) >= total:
            return found
    raise Trouble(f"the server says that there are {total:,} rows, and gives {len(found):,}")


def words(value: Any) -> str:
    """Return a value of an answer as text: blank for null."""
    return "" if value is None else str(value).strip()


def day(value: Any) -> str:
    """Return the day of a time as it was written: its zone is not converted."""
    return words(value)[:10]
