"""The columns of the sixteen friendly tables, each with the function that makes it from cleaned cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from plugins.election_finance import codes
from plugins.election_finance.cleaning import is_memo, normal_name, postcode, rate, yes


@dataclass(frozen=True, slots=True)
class Field:
    """A column: its name, its SQL type, the columns of the sheet that it is made of, and how.

    `make` gets the cleaned cells of those columns, None where one is blank; without it, the one cell is the value.
    """

    name: str
    sql_type: str
    columns: tuple[str, ...]
    make: Callable[..., Any] | None = None


def _text(name: str, column: str) -> Field:
    return Field(name, "TEXT", (column,))


def _money(name: str, column: str) -> Field:
    return Field(name, "REAL", (column,))


def _joined(*parts: str | None) -> str | None:
    return " ".join(part for part in parts if part) or None


def _name(name: str, prefix: str) -> Field:
    """Return the column of a name as one says it; organisations have only a last name."""
    return Field(name, "TEXT", _parts_of_name(prefix), _joined)


def _name_norm(prefix: str) -> Field:
    """Return the column of a name in the form in which names are compared."""
    return Field("name_norm", "TEXT", _parts_of_name(prefix), _normal)


def _parts_of_name(prefix: str) -> tuple[str, ...]:
    return (f"{prefix}_NamF", f"{prefix}_NamL", f"{prefix}_NamS")


def _normal(*parts: str | None) -> str | None:
    return normal_name(_joined(*parts)) or None


def _label(name: str, column: str, meanings: Mapping[str, str]) -> Field:
    """Return the column of a code's meaning; NULL for a code that the format does not define."""
    return Field(f"{name}_label", "TEXT", (column,), partial(_meaning, meanings))


def _meaning(meanings: Mapping[str, str], code: str | None) -> str | None:
    return meanings.get((code or "").upper())


def _flag(name: str, column: str) -> Field:
    return Field(name, "INTEGER", (column,), yes)


def _upper(value: str | None) -> str | None:
    return value.upper() if value else None


def _place(prefix: str, state: str, zip_code: str) -> tuple[Field, ...]:
    return (
        _text("city", f"{prefix}_City"),
        Field("state", "TEXT", (f"{prefix}_{state}",), _upper),
        Field("zip", "TEXT", (f"{prefix}_{zip_code}",), postcode),
    )


def _office(code: str | None, described: str | None) -> str | None:
    return codes.labelled(code, described, codes.OFFICES)


def _jurisdiction(code: str | None, described: str | None, of_measure: str | None) -> str | None:
    return codes.labelled(code, described or of_measure, codes.JURISDICTIONS)


def _line_label(form: str | None, line: str | None) -> str | None:
    return codes.SUMMARY_LINES.get((form or "", line or ""))


def _part(form: str | None) -> str | None:
    return (form or "")[-2:] or None


def _part_label(form: str | None) -> str | None:
    return codes.PARTS.get(_part(form) or "")


_MEMO = Field("memo", "INTEGER", ("Memo_Code",), is_memo)
_OFFICE = (
    Field("office", "TEXT", ("Office_Cd", "Offic_Dscr"), _office),
    Field("jurisdiction", "TEXT", ("Juris_Cd", "Juris_Dscr", "Bal_Juris"), _jurisdiction),
    _text("district", "Dist_No"),
)
_MEASURE = (_text("measure_name", "Bal_Name"), _text("measure_number", "Bal_Num"))
_SIDE = (_text("support_oppose", "Sup_Opp_Cd"), _label("support_oppose", "Sup_Opp_Cd", codes.SIDES))
_CODE = (
    _text("code", "Expn_Code"),
    _label("code", "Expn_Code", codes.EXPENSES),
    _text("description", "Expn_Dscr"),
)
_PAYEE = (
    _text("payee_type", "Entity_Cd"),
    _label("payee_type", "Entity_Cd", codes.ENTITIES),
    _name("payee_name", "Payee"),
    _name_norm("Payee"),
    *_place("Payee", "State", "Zip4"),
)

FIELDS: dict[str, tuple[Field, ...]] = {
    "contribution": (
        _text("contributor_type", "Entity_Cd"),
        _label("contributor_type", "Entity_Cd", codes.ENTITIES),
        _name("contributor_name", "Tran"),
        _name_norm("Tran"),
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
        _label("tran_type", "Tran_Type", codes.TRANSACTIONS),
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
        *_SIDE,
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
        _label("lender_type", "Entity_Cd", codes.ENTITIES),
        _name("lender_name", "Lndr"),
        _name_norm("Lndr"),
        _text("last_name", "Lndr_NamL"),
        _text("first_name", "Lndr_NamF"),
        *_place("Loan", "ST", "Zip4"),
        _text("employer", "Loan_EMP"),
        _text("occupation", "Loan_OCC"),
        _flag("self_employed", "Loan_Self"),
        _text("loan_date", "Loan_Date1"),
        _text("due_date", "Loan_Date2"),
        _text("rate_text", "Loan_Rate"),
        Field("rate", "REAL", ("Loan_Rate",), rate),
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
        Field("line_label", "TEXT", ("Form_Type", "Line_Item"), _line_label),
        _money("amount_period", "Amount_A"),
        _money("amount_year", "Amount_B"),
        _money("amount_c", "Amount_C"),
    ),
    "late_contribution": (
        Field("part", "TEXT", ("Form_Type",), _part),
        Field("part_label", "TEXT", ("Form_Type",), _part_label),
        _text("entity_type", "Entity_Cd"),
        _label("entity_type", "Entity_Cd", codes.ENTITIES),
        _name("contributor_or_recipient", "Enty"),
        _name_norm("Enty"),
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
        Field("measure", "TEXT", ("Bal_Num", "Bal_Name"), _joined),
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
        *_SIDE,
        _text("report_id", "Rpt_ID_Num"),
        _MEMO,
    ),
}
