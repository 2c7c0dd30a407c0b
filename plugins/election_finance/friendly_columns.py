"""The columns of the sixteen friendly tables, each with the function that makes it from a cleaned row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from plugins.election_finance import codes
from plugins.election_finance.cleaning import is_memo, person, postcode, rate, yes

#: A row after cleaning: upstream's column -> text, ISO date or Decimal; blank cells are absent.
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """A column: its name, its SQL type, and how to make it."""

    name: str
    sql_type: str
    make: Callable[[Row], Any]


def _text(name: str, column: str) -> Field:
    return Field(name, "TEXT", lambda row: row.get(column))


def _money(name: str, column: str) -> Field:
    return Field(name, "REAL", lambda row: row.get(column))


def _name(name: str, prefix: str) -> Field:
    last, first, suffix = f"{prefix}_NamL", f"{prefix}_NamF", f"{prefix}_NamS"
    return Field(name, "TEXT", lambda row: person(row.get(last), row.get(first), row.get(suffix)))


def _flag(name: str, column: str) -> Field:
    return Field(name, "INTEGER", lambda row: yes(row.get(column)))


def _place(prefix: str, state: str, zip_code: str) -> tuple[Field, ...]:
    def upper(row: Row) -> str | None:
        value = row.get(f"{prefix}_{state}")
        return value.upper() if value else None

    return (
        _text("city", f"{prefix}_City"),
        Field("state", "TEXT", upper),
        Field("zip", "TEXT", lambda row: postcode(row.get(f"{prefix}_{zip_code}"))),
    )


def _office(row: Row) -> str | None:
    return codes.labelled(row.get("Office_Cd"), row.get("Offic_Dscr"), codes.OFFICES)


def _jurisdiction(row: Row) -> str | None:
    described = row.get("Juris_Dscr") or row.get("Bal_Juris")
    return codes.labelled(row.get("Juris_Cd"), described, codes.JURISDICTIONS)


def _measure(row: Row) -> str | None:
    return " ".join(part for part in (row.get("Bal_Num"), row.get("Bal_Name")) if part) or None


def _line_label(row: Row) -> str | None:
    return codes.SUMMARY_LINES.get((row.get("Form_Type", ""), row.get("Line_Item", "")))


_MEMO = Field("memo", "INTEGER", lambda row: is_memo(row.get("Memo_Code")))
_OFFICE = (Field("office", "TEXT", _office), Field("jurisdiction", "TEXT", _jurisdiction), _text("district", "Dist_No"))
_MEASURE = (_text("measure_name", "Bal_Name"), _text("measure_number", "Bal_Num"))
_SIDE = _text("support_oppose", "Sup_Opp_Cd")
_CODE = (
    _text("code", "Expn_Code"),
    Field("code_label", "TEXT", lambda row: codes.EXPENSES.get(row.get("Expn_Code", ""))),
    _text("description", "Expn_Dscr"),
)
_PAYEE = (
    _text("payee_type", "Entity_Cd"),
    _name("payee_name", "Payee"),
    *_place("Payee", "State", "Zip4"),
)

FIELDS: dict[str, tuple[Field, ...]] = {
    "contribution": (
        _text("contributor_type", "Entity_Cd"),
        _name("contributor_name", "Tran"),
        _text("last_name", "Tran_NamL"),
        _text("first_name", "Tran_NamF"),
        *_place("Tran", "State", "Zip4"),
        _text("employer", "Tran_Emp"),
        _text("occupation", "Tran_Occ"),
        _flag("self_employed", "Tran_Self"),
        _text("contributor_committee_id", "Cmte_ID"),
        _text("date", "Tran_Date"),
        _money("amount", "Tran_Amt1"),
        _money("cumulative_amount", "Tran_Amt2"),
        _text("tran_type", "Tran_Type"),
        _text("description", "Tran_Dscr"),
        _name("intermediary_name", "Intr"),
        _MEMO,
    ),
    "expenditure": (
        *_PAYEE,
        _text("date", "Expn_Date"),
        _money("amount", "Amount"),
        _money("cumulative_amount", "Cum_YTD"),
        *_CODE,
        _name("agent_name", "Agent"),
        _name("candidate_name", "Cand"),
        *_OFFICE,
        *_MEASURE,
        _SIDE,
        _text("from_schedule", "G_From_E_F"),
        _MEMO,
    ),
    "accrued": (
        *_PAYEE,
        *_CODE,
        _money("beginning_balance", "Beg_Bal"),
        _money("incurred", "Amt_Incur"),
        _money("paid", "Amt_Paid"),
        _money("ending_balance", "End_Bal"),
        _MEMO,
    ),
    "loan": (
        _text("lender_type", "Entity_Cd"),
        _name("lender_name", "Lndr"),
        _text("last_name", "Lndr_NamL"),
        _text("first_name", "Lndr_NamF"),
        *_place("Loan", "ST", "Zip4"),
        _text("employer", "Loan_EMP"),
        _text("occupation", "Loan_OCC"),
        _flag("self_employed", "Loan_Self"),
        _text("loan_date", "Loan_Date1"),
        _text("due_date", "Loan_Date2"),
        _text("rate_text", "Loan_Rate"),
        Field("rate", "REAL", lambda row: rate(row.get("Loan_Rate"))),
        _money("received", "Loan_Amt1"),
        _money("paid", "Loan_Amt5"),
        _money("forgiven", "Loan_Amt6"),
        _money("interest", "Loan_Amt7"),
        _money("opening_balance", "Loan_Amt4"),
        _money("closing_balance", "Loan_Amt2"),
        _money("original_amount", "Loan_Amt8"),
        _money("cumulative_amount", "Loan_Amt3"),
        _MEMO,
    ),
    "summary": (
        _text("form_type", "Form_Type"),
        _text("line_item", "Line_Item"),
        Field("line_label", "TEXT", _line_label),
        _money("amount_period", "Amount_A"),
        _money("amount_year", "Amount_B"),
        _money("amount_c", "Amount_C"),
    ),
    "late_contribution": (
        Field("part", "TEXT", lambda row: (row.get("Form_Type") or "")[-2:] or None),
        _text("entity_type", "Entity_Cd"),
        _name("contributor_or_recipient", "Enty"),
        *_place("Enty", "ST", "Zip4"),
        _text("employer", "Ctrib_Emp"),
        _text("occupation", "Ctrib_Occ"),
        _flag("self_employed", "Ctrib_Self"),
        _text("contributor_committee_id", "Cmte_ID"),
        _text("date", "Ctrib_Date"),
        _money("amount", "Amount"),
        _text("election_date", "Elec_Date"),
        _name("candidate", "Cand"),
        *_OFFICE,
        Field("measure", "TEXT", _measure),
        _text("report_id", "Rpt_ID_Num"),
        _MEMO,
    ),
    "late_expenditure": (
        _text("date", "Exp_Date"),
        _money("amount", "Amount"),
        _text("description", "Expn_Dscr"),
        _name("candidate_name", "Cand"),
        *_OFFICE,
        *_MEASURE,
        _text("measure_jurisdiction", "Bal_Juris"),
        _SIDE,
        _text("report_id", "Rpt_ID_Num"),
        _MEMO,
    ),
}
