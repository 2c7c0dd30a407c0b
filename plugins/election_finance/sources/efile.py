"""One filing as it was filed electronically: `Efile.txt` in the state's format CAL 2.01.

https://www.sos.ca.gov describes the format ("Cal Format 2.01"); places below are those of real files. Each record is a
line of CSV. HDR names the vendor and, at times, the filing that this one replaces (`Supercedes=214569655`); CVR is the
cover: filer, report number, dates, and phones and e-mails, which are never loaded. NetFile's id of the filing is in
the file's name, if it is known: `212406069/Efile.txt`, `F460-212406069.txt`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from plugins.election_finance.agencies import agency_page
from plugins.election_finance.errors import BadSource
from plugins.election_finance.layout import AMENDS, FILING_ID, SHEET, SHEETS
from plugins.election_finance.manifest import EFILE
from plugins.election_finance.site_paths import FinanceSite
from plugins.election_finance.sources.interface import Arrival, Asking, Offer
from plugins.election_finance.sources.text_rows import SheetWriter, records, schedule, unknown_schedule
from plugins.election_finance.workbook import Remark, Workbook

_VERSIONS = ("2.01", "2.00", "2.02")
_SUPERSEDES = re.compile(r"Super[cs]edes=(\d+)", re.IGNORECASE)
_NETFILE_ID = re.compile(r"(?<!\d)\d{9}(?!\d)")

#: Records that hold no money: signers and committees of the cover, totals per election, and what begins a file.
_NO_MONEY = frozenset({"CVR2", "CVR3", "SPLT"})


def _numbered(text: str) -> dict[str, int]:
    """Return {column: its place} of `17:Tran_Date 19:Tran_Amt1`; `4:Tran_NamL,F,T,S` are four places in a row."""
    places = {}
    for item in text.split():
        start, _, names = item.partition(":")
        first, *others = names.split(",")
        places[first] = int(start)
        places |= {first[:-1] + other: int(start) + at for at, other in enumerate(others, start=1)}
    return places


#: What the cover says of every row: places in CVR.
_CVR = _numbered(
    "2:Filer_ID 3:Committee_Type 4:Filer_NamL 8:Report_Num 9:Rpt_Date 11:Rpt_ID_Num 12:From_Date 13:Thru_Date "
    "14:Elect_Date 63:tblCover_Office_Cd 64:tblCover_Offic_Dscr"
)
#: What the cover of Form 496 says of the candidate or measure that its rows are for or against: places in CVR.
_TARGET = _numbered(
    "48:Cand_NamL,F,T,S 60:Bal_Name 61:Bal_Num 62:Bal_Juris 63:Office_Cd 64:Offic_Dscr 65:Juris_Cd 66:Juris_Dscr "
    "67:Dist_No 69:Sup_Opp_Cd"
)
_RECORDS = {
    "RCPT": _numbered(
        "2:Tran_ID 3:Entity_Cd 4:Tran_NamL,F,T,S 10:Tran_City 11:Tran_State 12:Tran_Zip4 13:Tran_Emp 14:Tran_Occ "
        "15:Tran_Self 16:Tran_Type 17:Tran_Date 18:Tran_Date1 19:Tran_Amt1 20:Tran_Amt2 22:Tran_Dscr 23:Cmte_ID "
        "24:Tres_NamL,F,T,S 30:Tres_City 31:Tres_State 32:Tres_Zip 33:Intr_NamL,F,T,S 39:Intr_City 40:Intr_State "
        "41:Intr_Zip4 42:Intr_Emp 43:Intr_Occ 44:Intr_Self 45:Cand_NamL,F,T,S 49:tblDetlTran_Office_Cd "
        "50:tblDetlTran_Offic_Dscr 51:Juris_Cd 52:Juris_Dscr 53:Dist_No 54:Off_S_H_Cd 55:Bal_Name 56:Bal_Num "
        "57:Bal_Juris 58:Sup_Opp_Cd 59:Memo_Code 60:Memo_RefNo 61:BakRef_TID 62:XRef_SchNm 63:XRef_Match "
        "64:Loan_Rate 65:Int_CmteId"
    ),
    "EXPN": _numbered(
        "2:Tran_ID 3:Entity_Cd 4:Payee_NamL,F,T,S 10:Payee_City 11:Payee_State 12:Payee_Zip4 13:Expn_Date 14:Amount "
        "15:Cum_YTD 17:Expn_ChkNo 18:Expn_Code 19:Expn_Dscr 20:Agent_NamL,F,T,S 24:Cmte_ID 25:Tres_NamL,F,T,S "
        "31:Tres_City 32:Tres_ST 33:Tres_ZIP4 34:Cand_NamL,F,T,S 38:Office_Cd 39:Offic_Dscr 40:Juris_Cd "
        "41:Juris_Dscr 42:Dist_No 43:Off_S_H_Cd 44:Bal_Name 45:Bal_Num 46:Bal_Juris 47:Sup_Opp_Cd 48:Memo_Code "
        "49:Memo_RefNo 50:BakRef_TID 51:G_From_E_F 52:XRef_SchNm 53:XRef_Match"
    ),
    "DEBT": _numbered(
        "2:Tran_ID 3:Entity_Cd 4:Payee_NamL,F,T,S 10:Payee_City 11:Payee_State 12:Payee_Zip4 13:Beg_Bal "
        "14:Amt_Incur 15:Amt_Paid 16:End_Bal 17:Expn_Code 18:Expn_Dscr 19:Cmte_ID 20:Tres_NamL,F,T,S 26:Tres_City "
        "27:Tres_ST 28:Tres_ZIP4 29:Memo_Code 30:Memo_RefNo 31:BakRef_TID 32:XRef_SchNm 33:XRef_Match"
    ),
    "LOAN": _numbered(
        "2:Tran_ID 4:Entity_Cd 5:Lndr_NamL,F,T,S 11:Loan_City 12:Loan_ST 13:Loan_Zip4 14:Loan_Date1 15:Loan_Date2 "
        "16:Loan_Amt1,2,3,4 20:Loan_Rate 21:Loan_EMP 22:Loan_OCC 23:Loan_Self 24:Cmte_ID 25:Tres_NamL,F,T,S "
        "31:Tres_City 32:Tres_ST 33:Tres_ZIP4 34:B2Lender_Name-Inter_name 35:Intr_NamF,T,S 40:Intr_City 41:Intr_ST "
        "42:Intr_ZIP4 43:Memo_Code 44:Memo_RefNo 45:BakRef_TID 46:XRef_SchNm 47:XRef_Match 48:Loan_Amt5,6,7,8"
    ),
    "S497": _numbered(
        "2:Tran_ID 3:Entity_Cd 4:Enty_NamL,F,T,S 10:Enty_City 11:Enty_ST 12:Enty_Zip4 13:Ctrib_Emp 14:Ctrib_Occ "
        "15:Ctrib_Self 16:Elec_Date 17:Ctrib_Date 18:Date_Thru 19:Amount 20:Cmte_ID 21:Cand_NamL,F,T,S 25:Office_Cd "
        "26:Offic_Dscr 27:Juris_Cd 28:Juris_Dscr 29:Dist_No 30:Off_S_H_Cd 31:Bal_Name 32:Bal_Num 33:Bal_Juris "
        "34:Memo_Code 35:Memo_RefNo"
    ),
    "S496": _numbered("2:Tran_ID 3:Amount 4:Exp_Date 5:Date_Thru 6:Expn_Dscr 7:Memo_Code 8:Memo_RefNo"),
    "SMRY": _numbered("2:Line_Item 3:Amount_A 4:Amount_B 5:Amount_C"),
}

#: A row given to the writer has four parts: the record, its cover, and two ids of the filing; where each begins.
_WIDTH, _COVER_WIDTH = 70, 70
_RECORD_OF_KIND = {
    "contribution": "RCPT",
    "expenditure": "EXPN",
    "accrued": "DEBT",
    "loan": "LOAN",
    "summary": "SMRY",
    "late_contribution": "S497",
    "late_expenditure": "S496",
}


def _picks(kind: str) -> dict[str, int]:
    cover = _CVR | (_TARGET if kind == "late_expenditure" else {})
    ids = {FILING_ID: _WIDTH + _COVER_WIDTH, AMENDS: _WIDTH + _COVER_WIDTH + 1}
    of_row = {"Rec_Type": 0, "Form_Type": 1, **_RECORDS[_RECORD_OF_KIND[kind]]}
    return {**{column: _WIDTH + at for column, at in cover.items()}, **ids, **of_row}


_PICKS: Mapping[str, Mapping[str, int]] = {
    sheet.name: {
        column: at
        for column, at in _picks(sheet.kind).items()
        if column in sheet.columns or column in (FILING_ID, AMENDS, "Rpt_ID_Num")
    }
    for sheet in SHEETS
}


@dataclass(slots=True)
class _Cover:
    """The filing that records belong to."""

    cells: list[str]
    ids: list[str]


class Efile:
    """The source of single e-filings."""

    format = EFILE

    def offer(self, site: FinanceSite) -> Offer | None:
        """Return what a person may have downloaded, or been sent by the clerk."""
        page = f" at {agency_page(site.shortcut)}" if site.shortcut else ", where the clerk publishes it"
        action = (
            f"Open a filing{page}, download its e-filing "
            f"(Efile.txt, or a zip of it), and put it into {site.drop}, named by its id (212406069.zip)."
        )
        return Offer(self.format, "single e-filings (CAL 2.01)", False, action)

    def fetch(self, asking: Asking) -> Iterator[Arrival]:
        """Yield nothing: which filings are wanted is a person's choice."""
        return iter(())

    def recognises(self, start: str) -> bool:
        """Return whether the first record is the header of an e-filing."""
        return start.replace('"', "").startswith("HDR,CAL")

    def read(self, path: Path, url: str, into: Path) -> Workbook:
        """Read a filing."""
        writer = SheetWriter(into, _PICKS)
        cover, amends, money = None, "", False
        for number, record in records(path):
            kind = record[0]
            if kind == "HDR":
                amends = _header(record)
            elif kind == "CVR":
                cover = _Cover(_padded(record, _COVER_WIDTH), [_netfile_id(url), amends])
            elif cover is None:
                raise BadSource(f"line {number}: a record {kind[:10]!r} before the cover (CVR): not an e-filing")
            elif kind in _RECORDS:
                money = True
                _add(writer, number, record, cover)
            elif kind == "TEXT":
                writer.remark(Remark(None, number, "memo_text", ": ".join(record[2:4])))
            elif kind not in _NO_MONEY:
                writer.remark(unknown_schedule(number, kind[:10], ", ".join(filter(None, record[1:]))[:200]))
        if cover is None:
            raise BadSource("not an e-filing: it has no cover (CVR)")
        if not money:
            raise BadSource(f"a filing of form {cover.cells[1]}, which has no rows of money")
        return writer.workbook()


def _header(record: list[str]) -> str:
    """Return NetFile's id of the filing that this one replaces, or blank; BadSource for another format."""
    if record[1:3] != ["CAL", "CA"] or len(record) < 4 or record[3] not in _VERSIONS:
        raise BadSource(f"not an e-filing in CAL 2.01: it begins with {','.join(record)[:40]!r}")
    found = _SUPERSEDES.search(",".join(record[6:]))
    return found[1] if found else ""


def _add(writer: SheetWriter, number: int, record: list[str], cover: _Cover) -> None:
    form = record[1] if len(record) > 1 else ""
    sheet = SHEET["Summary"] if record[0] == "SMRY" else schedule(form)
    if sheet is None or _RECORD_OF_KIND[sheet.kind] != record[0]:
        writer.remark(unknown_schedule(number, f"{record[0]} {form}", ", ".join(filter(None, record[2:]))[:200]))
        return
    writer.add(sheet, number, [*_padded(record, _WIDTH), *cover.cells, *cover.ids])


def _padded(record: list[str], width: int) -> list[str]:
    """Return a record with as many places as the widest kind has; vendors leave blank ones at the end away."""
    return [*record, *[""] * (width - len(record))][:width]


def _netfile_id(url: str) -> str:
    """Return the last number of nine digits in a file's address, which is NetFile's id of the filing, or blank."""
    found = list(_NETFILE_ID.finditer(url))
    return found[-1].group() if found else ""
