"""What NetFile puts into a year's workbook: sixteen sheets, their columns, and what we call them."""

from __future__ import annotations

from dataclasses import dataclass

_COVER = "Filer_ID Filer_NamL Report_Num Committee_Type Rpt_Date From_Date Thru_Date Elect_Date"
_OFFICE_COVER = f"{_COVER} tblCover_Office_Cd tblCover_Offic_Dscr Rec_Type Form_Type"
_SHORT_COVER = f"{_COVER} Rec_Type Form_Type"
_MEASURE = "Bal_Name Bal_Num Bal_Juris"
_REFERENCES = "Memo_Code Memo_RefNo BakRef_TID"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _person(prefix: str) -> str:
    return " ".join(f"{prefix}_Nam{part}" for part in "LFTS")


def _place(prefix: str, *, state: str = "ST", postcode: str = "ZIP4") -> str:
    return f"{prefix}_Adr1 {prefix}_Adr2 {prefix}_City {prefix}_{state} {prefix}_{postcode}"


_TREASURER = f"Cmte_ID {_person('Tres')} {_place('Tres')}"
_CONTRIBUTIONS = " ".join(
    [
        f"{_OFFICE_COVER} Tran_ID Entity_Cd {_person('Tran')} {_place('Tran', state='State', postcode='Zip4')}",
        "Tran_Emp Tran_Occ Tran_Self Tran_Type Tran_Date Tran_Date1 Tran_Amt1 Tran_Amt2 Tran_Dscr Cmte_ID",
        f"{_person('Tres')} {_place('Tres', state='State', postcode='Zip')}",
        f"{_person('Intr')} {_place('Intr', state='State', postcode='Zip4')} Intr_Emp Intr_Occ Intr_Self",
        f"{_person('Cand')} tblDetlTran_Office_Cd tblDetlTran_Offic_Dscr Juris_Cd Juris_Dscr Dist_No Off_S_H_Cd",
        f"{_MEASURE} Sup_Opp_Cd {_REFERENCES} XRef_SchNm XRef_Match Loan_Rate Int_CmteId",
    ]
)
_EXPENDITURES = " ".join(
    [
        f"{_OFFICE_COVER} Tran_ID Entity_Cd {_person('Payee')} {_place('Payee', state='State', postcode='Zip4')}",
        f"Expn_Date Amount Cum_YTD Expn_ChkNo Expn_Code Expn_Dscr {_person('Agent')} {_TREASURER}",
        f"{_person('Cand')} Office_Cd Offic_Dscr Juris_Cd Juris_Dscr Dist_No Off_S_H_Cd",
        f"{_MEASURE} Sup_Opp_Cd {_REFERENCES} G_From_E_F XRef_SchNm XRef_Match",
    ]
)
_MAJOR_DONOR = (
    f"{_EXPENDITURES} EmplBus_CB Bus_Name {_place('Bus')} Bus_Inter BusAct_CB BusActvity "
    "Assoc_CB Assoc_Int Other_CB Other_Int"
)
_ACCRUED = " ".join(
    [
        f"{_OFFICE_COVER} Tran_ID Entity_Cd {_person('Payee')} {_place('Payee', state='State', postcode='Zip4')}",
        f"Beg_Bal Amt_Incur Amt_Paid End_Bal Expn_Code Expn_Dscr {_TREASURER} {_REFERENCES} XRef_SchNm XRef_Match",
    ]
)
_LOANS = " ".join(
    [
        f"{_OFFICE_COVER} Tran_ID Entity_Cd {_person('Lndr')} {_place('Loan', postcode='Zip4')}",
        "Loan_Date1 Loan_Date2 Loan_Amt1 Loan_Amt2 Loan_Amt3 Loan_Amt4 Loan_Rate Loan_EMP Loan_OCC Loan_Self",
        f"{_TREASURER} B2Lender_Name-Inter_name Intr_NamF Intr_NamT Intr_NamS {_place('Intr')}",
        f"{_REFERENCES} XRef_SchNm XRef_Match Loan_Amt5 Loan_Amt6 Loan_Amt7 Loan_Amt8",
    ]
)
_SUMMARY = f"{_OFFICE_COVER} Line_Item Amount_A Amount_B Amount_C"
_CANDIDATE_AND_MEASURE = f"{_person('Cand')} Office_Cd Offic_Dscr Juris_Cd Juris_Dscr Dist_No"
_F497 = " ".join(
    [
        f"{_SHORT_COVER} Tran_ID Entity_Cd {_person('Enty')} {_place('Enty', postcode='Zip4')}",
        f"Ctrib_Emp Ctrib_Occ Ctrib_Self Elec_Date Ctrib_Date Date_Thru Amount Cmte_ID {_CANDIDATE_AND_MEASURE}",
        f"Off_S_H_Cd {_MEASURE} Memo_Code Memo_RefNo Rpt_ID_Num",
    ]
)
_F496 = (
    f"{_SHORT_COVER} Tran_ID Amount Exp_Date Date_Thru Expn_Dscr Memo_Code Memo_RefNo "
    f"{_MEASURE} Sup_Opp_Cd {_CANDIDATE_AND_MEASURE} Rpt_ID_Num"
)

#: Columns that no workbook has: NetFile's id of the filing, and of the filing that it amends.
FILING_ID, AMENDS = "Filing_ID", "Amends"

#: A column with what identifies a row, of a source that has no transaction ids.
ROW_KEY = "Row_Key"

#: Cells of these columns are dates, whatever type the cell happens to have.
DATES = _names(
    "Rpt_Date From_Date Thru_Date Elect_Date Tran_Date Tran_Date1 Expn_Date Loan_Date1 Loan_Date2 "
    "Elec_Date Ctrib_Date Date_Thru Exp_Date"
)
#: Cells of these columns are dollars.
AMOUNTS = _names(
    "Tran_Amt1 Tran_Amt2 Amount Cum_YTD Beg_Bal Amt_Incur Amt_Paid End_Bal Amount_A Amount_B Amount_C "
    "Loan_Amt1 Loan_Amt2 Loan_Amt3 Loan_Amt4 Loan_Amt5 Loan_Amt6 Loan_Amt7 Loan_Amt8"
)
#: Street addresses: blank on the public portal, and not loaded should that ever change.
STREETS = ("_Adr1", "_Adr2")

_DAY = {
    "contribution": "Tran_Date",
    "expenditure": "Expn_Date",
    "loan": "Loan_Date1",
    "late_contribution": "Ctrib_Date",
    "late_expenditure": "Exp_Date",
}
_PERIOD = ("From_Date", "Thru_Date")
_IDENTITY = ("Filer_ID", "Filer_NamL", "Report_Num", "Rpt_Date", *_PERIOD, "Form_Type")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: NetFile's name, ours, its columns in order, and the amount that its rows are about."""

    name: str
    friendly: str
    kind: str
    columns: tuple[str, ...]
    amount: str

    @property
    def raw(self) -> str:
        """Return the raw table's name: the sheet's, with `_` for `-`."""
        return self.name.replace("-", "_")

    @property
    def kept(self) -> tuple[str, ...]:
        """Return the columns that the raw table has: all but the street addresses."""
        return tuple(column for column in self.columns if not column.endswith(STREETS))

    @property
    def date(self) -> str | None:
        """Return the column with the day of what a row is about, if the sheet has one."""
        return _DAY.get(self.kind)

    @property
    def identity(self) -> tuple[str, ...]:
        """Return the columns that say whose report a row is of, and which; a report of one day has an id, no period."""
        is_daily = self.name.removeprefix("F")[:3] in ("496", "497")
        report = ("Rpt_ID_Num",) if "Rpt_ID_Num" in self.columns else ()
        return tuple(column for column in (*_IDENTITY, *report) if not (is_daily and column in _PERIOD))

    @property
    def required(self) -> tuple[str, ...]:
        """Return the columns without which the sheet cannot be understood."""
        report = ("Rpt_ID_Num",) if "Rpt_ID_Num" in self.columns else ()
        return (*_IDENTITY, self.amount, *report, *(("Line_Item",) if self.kind == "summary" else ("Tran_ID",)))


def _sheet(name: str, friendly: str, kind: str, columns: str, amount: str) -> Sheet:
    return Sheet(name, friendly, kind, tuple(columns.split()), amount)


SHEETS = (
    _sheet("A-Contributions", "monetary_contributions", "contribution", _CONTRIBUTIONS, "Tran_Amt1"),
    _sheet("C-Contributions", "non_monetary_contributions", "contribution", _CONTRIBUTIONS, "Tran_Amt1"),
    _sheet("I-Contributions", "misc_cash_increases", "contribution", _CONTRIBUTIONS, "Tran_Amt1"),
    _sheet("F496P3-Contributions", "ie_contributions", "contribution", _CONTRIBUTIONS, "Tran_Amt1"),
    _sheet("F465P3-Expenditure", "ie_expenditures", "expenditure", _EXPENDITURES, "Amount"),
    _sheet("F461P5-Expenditure", "major_donor_ie_statements", "expenditure", _MAJOR_DONOR, "Amount"),
    _sheet("D-Expenditure", "expenditure_summaries", "expenditure", _EXPENDITURES, "Amount"),
    _sheet("G-Expenditure", "on_behalf_of_expenditures", "expenditure", _EXPENDITURES, "Amount"),
    _sheet("E-Expenditure", "payments_made", "expenditure", _EXPENDITURES, "Amount"),
    _sheet("F-Expenses", "accrued_expenses", "accrued", _ACCRUED, "Amt_Incur"),
    _sheet("B1-Loans", "received_loans", "loan", _LOANS, "Loan_Amt1"),
    _sheet("B2-Loans", "loan_guarantors", "loan", _LOANS, "Loan_Amt1"),
    _sheet("H-Loans", "loans_made", "loan", _LOANS, "Loan_Amt1"),
    _sheet("Summary", "summaries", "summary", _SUMMARY, "Amount_A"),
    _sheet("497", "contribution_reports_24_hours", "late_contribution", _F497, "Amount"),
    _sheet("496", "ie_reports_24_hours", "late_expenditure", _F496, "Amount"),
)

#: Part 3 of Form 496: its rows do not say which report they are of.
PART_3 = "F496P3-Contributions"

SHEET = {sheet.name: sheet for sheet in SHEETS}
