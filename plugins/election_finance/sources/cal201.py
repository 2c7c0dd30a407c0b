"""NetFile's cal201 export of a year, a filing or a filer: one CSV with 99 columns for all schedules.

Believed to be gone as an address (Connect2 `/public/campaign/export/cal201/…`), and kept by those who saved it, so it
is read from the drop folder. What it lacks: report number, date of filing, report id, Summary lines. Versions of a
report are distinguished by NetFile's filing ids, of which the highest is the newest. Saved copies of the JSON have
names in camelCase, `None` for null, `False` for false, and dates with an offset that is not converted.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from plugins.election_finance.errors import BadSource
from plugins.election_finance.layout import FILING_ID, SHEETS, Sheet
from plugins.election_finance.manifest import CAL201
from plugins.election_finance.site_paths import FinanceSite
from plugins.election_finance.sources.interface import Arrival, Asking, Offer
from plugins.election_finance.sources.text_rows import (
    GIVEN_COLUMNS,
    SheetWriter,
    column_names,
    column_places,
    schedule,
    table,
    unknown_schedule,
)
from plugins.election_finance.workbook import Workbook

_REQUIRED = ("NetFileKey", "FilingId", "FilerName", "Form_Type", "Tran_Amt1")

#: The names of the filer's id: with the state, else with the agency; captures of 2015 have one id only.
_FILER_IDS = ("FilerStateId", "FilerLocalId", "FilerId")

_COVER = {
    "Filer_NamL": "FilerName",
    "From_Date": "FilingStartDate",
    "Thru_Date": "FilingEndDate",
    FILING_ID: "FilingId",
    "XRef_SchNm": "XRef_SchNum",
    "Offic_Dscr": "Office_Dscr",
    "tblDetlTran_Office_Cd": "Office_Cd",
    "tblDetlTran_Offic_Dscr": "Office_Dscr",
    "B2Lender_Name-Inter_name": "Lender_Name",
}

#: What a schedule calls the other party, its place, the day and the sum; cal201 calls them the same in all.
_PARTY = {
    "contribution": "Tran",
    "expenditure": "Payee",
    "accrued": "Payee",
    "loan": "Lndr",
    "late_contribution": "Enty",
}
_PLACE = {"loan": "Loan"}
_TERMS = {
    "expenditure": {
        "Expn_Date": "Tran_Date",
        "Amount": "Tran_Amt1",
        "Cum_YTD": "Tran_Amt2",
        "Expn_ChkNo": "Tran_ChkNo",
    },
    "loan": {"Loan_EMP": "Tran_Emp", "Loan_OCC": "Tran_Occ", "Loan_Self": "Tran_Self"},
    "late_contribution": {
        "Ctrib_Emp": "Tran_Emp",
        "Ctrib_Occ": "Tran_Occ",
        "Ctrib_Self": "Tran_Self",
        "Ctrib_Date": "Tran_Date",
        "Date_Thru": "Tran_Date1",
        "Amount": "Tran_Amt1",
    },
    "late_expenditure": {"Exp_Date": "Tran_Date", "Date_Thru": "Tran_Date1", "Amount": "Tran_Amt1"},
}


def _name_of(sheet: Sheet, column: str) -> str:
    """Return what cal201 calls a column of a sheet."""
    party = _PARTY.get(sheet.kind, "Tran")
    place = _PLACE.get(sheet.kind, party)
    prefix, _, rest = column.partition("_")
    terms = _COVER | _TERMS.get(sheet.kind, {})
    if column in terms:
        return terms[column]
    if prefix == "Agent":
        return f"Intr_{rest}"
    if column in ("Expn_Code", "Expn_Dscr"):
        return f"Tran_{rest}"
    is_place = prefix in (party, place) and rest in ("City", "State", "ST", "Zip4")
    if is_place or (prefix == party and rest.startswith("Nam")):
        return f"Tran_{'ST' if rest == 'State' else rest}"
    return column


#: {sheet: {column: cal201's name for it, in lower case}}
_NAMES = {
    sheet.name: {column: _name_of(sheet, column).casefold() for column in GIVEN_COLUMNS[sheet.name]} for sheet in SHEETS
}


class Cal201:
    """The source of saved cal201 exports."""

    format = CAL201

    def offer(self, site: FinanceSite) -> Offer | None:
        """Return what may have been saved in time."""
        action = (
            "If you have saved exports (CSV with the columns NetFileKey, FilingId, Tran_Id…), put them into "
            f"{site.drop}."
        )
        return Offer(self.format, "cal201 exports", False, action)

    def fetch(self, asking: Asking) -> Iterator[Arrival]:
        """Yield nothing: there is no address that programs may use."""
        return iter(())

    def recognises(self, start: str) -> bool:
        """Return whether the header is that of an export."""
        return {"netfilekey", "filingid"} <= column_names(start)

    def read(self, path: Path, url: str, into: Path) -> Workbook:
        """Read an export: rows of one filing after the other, of all schedules."""
        rows = table(path)
        _, header = next(rows)
        places = column_places(header)
        if lacking := [name for name in _REQUIRED if name.casefold() not in places]:
            raise BadSource(f"not a cal201 export: it has no column {', '.join(lacking)}")
        filer_ids = [places[name.casefold()] for name in _FILER_IDS if name.casefold() in places]
        is_json = "netFileKey" in header
        form, amount, memo = places["form_type"], places["tran_amt1"], places.get("memo_code")
        picks = {sheet: _picks(sheet, places, len(header)) for sheet in _NAMES}
        writer = SheetWriter(into, picks, "None" if is_json else "")
        for number, row in rows:
            filer = next((row[at] for at in filer_ids if row[at] not in ("", "None")), "")
            if memo is not None and row[memo] in ("True", "true"):
                row[memo] = "X"  # what the format itself says (CAL 2.01, Memo_Code)
            if sheet := schedule(row[form]):
                writer.add(sheet, number, [*row, filer])
            else:
                writer.remark(unknown_schedule(number, row[form], f"{filer}, {row[amount]}"))
        return writer.workbook()


def _picks(sheet: str, places: dict[str, int], filer: int) -> dict[str, int]:
    found = {column: places[name] for column, name in _NAMES[sheet].items() if name in places}
    return {**found, "Filer_ID": filer}
