"""What a reader is told: each derived table counts what it says it counts, and nothing twice."""

from collections.abc import Callable
from datetime import date, time, timedelta
from typing import Any

import pytest

from tests.integration.finance.conftest import Load, Town

pytestmark = pytest.mark.slow

HALF = {"From_Date": date(2023, 1, 1), "Thru_Date": date(2023, 6, 30), "Rpt_Date": date(2023, 7, 30)}
OAK = {"Filer_ID": "1234567", "Filer_NamL": "Oak PAC", "Report_Num": "000", **HALF}
ELM = {**OAK, "Filer_ID": "7654321", "Filer_NamL": "Elm PAC"}


def gift(amount: float | None, name: str = "Ada Boone", cover: dict[str, Any] = OAK, **cells: Any) -> dict[str, Any]:
    first, _, last = name.rpartition(" ")
    about = {"Form_Type": "A", "Tran_ID": f"T{amount}{name}", "Entity_Cd": "IND", "Tran_Date": date(2023, 2, 1)}
    place = {"Tran_City": "Oakland", "Tran_State": "CA"}
    return {**cover, **about, **place, "Tran_NamL": last, "Tran_NamF": first, "Tran_Amt1": amount, **cells}


def line(form: str, item: str, amount: float, cover: dict[str, Any] = OAK) -> dict[str, Any]:
    return {**cover, "Form_Type": form, "Line_Item": item, "Amount_A": amount}


def expense(amount: float, cover: dict[str, Any] = OAK, **cells: Any) -> dict[str, Any]:
    about = {"Form_Type": "E", "Tran_ID": f"P{amount}", "Expn_Date": date(2023, 3, 1), "Payee_NamL": "Printer"}
    return {**cover, **about, "Amount": amount, **cells}


def test_returns_lower_a_total_and_memos_do_not_count(load: Load) -> None:
    returned, memo = gift(-40.0, Tran_Type="R"), gift(999.0, Memo_Code="X")
    town = load(A_Contributions=[gift(100.0), returned, memo, gift(25.0, name="ADA  BOONE", cover=ELM), gift(None)])
    assert town.query("SELECT name_norm, gifts, committees, total FROM top_contributors") == [("ada boone", 2, 2, 85.0)]


def test_goods_are_told_apart_from_money(load: Load) -> None:
    goods = gift(70.0, Form_Type="C")
    town = load(A_Contributions=[gift(100.0), gift(90.0, name="Ben Cole")], C_Contributions=[goods])
    assert town.query("SELECT contributor_name, total, non_monetary, combined FROM top_contributors") == [
        ("Ada Boone", 100.0, 70.0, 170.0),
        ("Ben Cole", 90.0, 0.0, 90.0),
    ]


def test_the_commonest_spelling_names_a_contributor(load: Load) -> None:
    names = ["Safeway Inc", "Safeway, Inc.", "Safeway, Inc."]
    rows = [gift(float(at), name="x", Tran_NamL=name, Tran_NamF=None) for at, name in enumerate(names, start=1)]
    assert load(A_Contributions=rows).query("SELECT contributor_name, total FROM top_contributors") == [
        ("Safeway, Inc.", 6.0)
    ]


def test_payees_are_counted_once(load: Load) -> None:
    """Schedule G says again on whose behalf E or F was paid, and what F accrues is paid by E in a later period."""
    paid, memo = expense(300.0), expense(50.0, Memo_Code="X")
    again = expense(300.0, Form_Type="G", G_From_E_F="E")
    owed = {**OAK, "Form_Type": "F", "Tran_ID": "F1", "Payee_NamL": "Printer", "Amt_Incur": 300.0}
    town = load(E_Expenditure=[paid, memo], G_Expenditure=[again], F_Expenses=[owed])
    assert town.query("SELECT payee_name, payments, total FROM top_payees") == [("Printer", 1, 300.0)]
    assert town.query("SELECT from_schedule, amount FROM on_behalf_of_expenditures") == [("E", 300.0)]


def test_committee_totals_are_the_summarys(load: Load) -> None:
    later = {**OAK, "From_Date": date(2023, 7, 1), "Thru_Date": date(2023, 12, 31), "Rpt_Date": date(2024, 1, 31)}
    lines = [("2", 30.0), ("4", 20.0), ("5", 150.0), ("11", 60.0), ("16", 90.0), ("19", 5.0)]
    rows = [line("F460", item, amount) for item, amount in lines]
    rows += [line("F460", item, amount * 2, later) for item, amount in lines] + [line("A", "5", 1e6)]
    town = load(Summary=rows, A_Contributions=[gift(100.0)])
    assert town.query(
        "SELECT committee_name, year, contributions, loans, non_monetary, expenditures, cash_on_hand, debts, as_of, "
        "reports FROM committee_totals"
    ) == [("Oak PAC", 2023, 450.0, 90.0, 60.0, 180.0, 180.0, 10.0, "2023-12-31", 2)]


def test_what_a_committee_has_is_what_its_latest_report_says(load: Load) -> None:
    later = {**OAK, "From_Date": date(2023, 7, 1), "Thru_Date": date(2023, 12, 31), "Rpt_Date": date(2024, 1, 31)}
    rows = [line("F460", "16", 90.0), line("F460", "19", 5.0), line("F460", "16", 70.0, later)]
    assert load(Summary=rows).query("SELECT cash_on_hand, debts FROM committee_totals") == [(70.0, None)]


def test_where_money_comes_from(load: Load) -> None:
    california = [("OAKLAND", "CA"), ("Oakland", "ca"), ("Fresno", "CA")]
    places = [*california, ("Oakland", "NJ"), (None, None), ("Oakland", None)]
    rows = [gift(10.0**at, Tran_City=city, Tran_State=state) for at, (city, state) in enumerate(places)]
    found = load(A_Contributions=rows).query("SELECT origin, city, state, total FROM money_by_city ORDER BY total")
    assert found == [
        ("in_city", "Oakland", "CA", 11.0),
        ("in_state", "Fresno", "CA", 100.0),
        ("out_of_state", "Oakland", "NJ", 1000.0),
        ("unknown", None, None, 10000.0),
        ("in_city", "Oakland", None, 100000.0),
    ]


def test_a_county_has_no_money_from_in_the_city(add_town: Callable[..., Town]) -> None:
    town = add_town("napa-county.ca", name="Napa", kind="county")
    town.drop_rows("2023.xlsx", {"A-Contributions": [gift(5.0, Tran_City="Napa")]})
    town.etl()
    assert town.query("SELECT origin FROM money_by_city") == [("in_state",)]


def test_independent_spending_is_told_once(load: Load) -> None:
    about: dict[str, Any] = {"Cand_NamL": "Maria Castro", "Sup_Opp_Cd": "O"}
    in_460 = expense(500.0, Form_Type="D", Expn_Code="IND", **about)
    gift_in_460 = expense(900.0, Form_Type="D", Expn_Code="MON", **about)
    donor = expense(70.0, cover=ELM, Form_Type="F461P5", Expn_Code="IND", Bal_Num="P", Bal_Name="Parks", Sup_Opp_Cd="S")
    late = {**about, "Form_Type": "F496", "Report_Num": "000", "Tran_ID": "1"}
    reported = {**OAK, **late, "Exp_Date": date(2023, 3, 1), "Amount": 500.0, "Rpt_ID_Num": "1"}
    afterwards = {**OAK, **late, "Exp_Date": date(2023, 8, 1), "Amount": 800.0, "Rpt_ID_Num": "2"}
    amended = {**afterwards, "Report_Num": "001", "Amount": 850.0}
    town = load(
        D_Expenditure=[in_460, gift_in_460], F461P5_Expenditure=[donor], late496=[reported, afterwards, amended]
    )
    assert town.query("SELECT target, support_oppose, spender, amount, basis FROM independent_spending ORDER BY 4") == [
        ("P Parks", "S", "Elm PAC", 70.0, "461 part 5"),
        ("Maria Castro", "O", "Oak PAC", 500.0, "460 schedule D"),
        ("Maria Castro", "O", "Oak PAC", 850.0, "496"),
    ]


def test_late_money_is_open_until_a_report_covers_it(load: Load) -> None:
    late = {**OAK, "Form_Type": "F497P1", "Tran_ID": "1", "Enty_NamL": "Quill", "Enty_NamF": "Jo"}
    covered = {**late, "Ctrib_Date": date(2023, 6, 30), "Amount": 1000.0, "Rpt_ID_Num": "1"}
    still_open = {**late, "Ctrib_Date": date(2023, 7, 1), "Amount": 2000.0, "Rpt_ID_Num": "2"}
    made = {**still_open, "Form_Type": "F497P2", "Amount": 3000.0, "Rpt_ID_Num": "3"}
    elsewhere = {**covered, "Filer_ID": "7654321", "Filer_NamL": "Elm PAC", "Amount": 4000.0}
    town = load(late497=[covered, still_open, made, elsewhere], Summary=[line("F460", "5", 0.0)])
    assert town.query(
        "SELECT committee_name, contributor_name, amount, last_thru_date FROM late_contributions_open"
    ) == [
        ("Oak PAC", "Jo Quill", 2000.0, "2023-06-30"),
        ("Elm PAC", "Jo Quill", 4000.0, None),
    ]


def test_an_amended_report_is_counted_in_its_last_version_everywhere(load: Load) -> None:
    """Every derived table sees one dollar amount twice, in a report and in its amendment, and tells it once."""
    amended = {**OAK, "Report_Num": "001"}
    both = (OAK, amended)
    ie = {"Form_Type": "D", "Expn_Code": "IND", "Cand_NamL": "Castro"}
    late = {"Form_Type": "F497P1", "Tran_ID": "1", "Enty_NamL": "Quill", "Rpt_ID_Num": "7"}
    after = {"Ctrib_Date": date(2023, 9, 1), "Amount": 8.0}
    town = load(
        A_Contributions=[gift(1.0, cover=cover) for cover in both],
        C_Contributions=[gift(2.0, cover=cover, Form_Type="C") for cover in both],
        E_Expenditure=[expense(4.0, cover=cover) for cover in both],
        D_Expenditure=[expense(16.0, cover=cover, **ie) for cover in both],
        Summary=[line("F460", "5", 32.0, cover) for cover in both],
        late497=[{**cover, **late, **after} for cover in both],
    )
    assert town.query("SELECT gifts, total, non_monetary FROM top_contributors") == [(2, 1.0, 2.0)]
    assert town.query("SELECT total FROM top_payees") == [(4.0,)]
    assert town.query("SELECT total FROM money_by_city") == [(1.0,)]
    assert town.query("SELECT amount FROM late_contributions_open") == [(8.0,)]
    assert town.query("SELECT amount FROM independent_spending") == [(16.0,)]
    assert town.query("SELECT contributions, reports FROM committee_totals") == [(32.0, 1)]


def test_what_does_not_add_up_is_listed(load: Load) -> None:
    lines = [line("A", "1", 175.0), line("F460", "5", 175.0), line("E", "1", 60.0)]
    gifts = [gift(100.0), gift(None), gift(50.0, Memo_Code="X")]
    town = load(A_Contributions=gifts, C_Contributions=[gift(7.0, Form_Type="C")], Summary=lines)
    found = "SELECT schedule, line_total, itemised_total, difference, is_current FROM reconciliation ORDER BY 1"
    assert town.query(found) == [("A", 175.0, 100.0, 75.0, 1), ("C", None, 7.0, -7.0, 1), ("E", 60.0, 0.0, 60.0, 1)]
    assert town.query("SELECT code, sheet, row FROM row_issues") == [("blank_amount", "A-Contributions", 3)]
    assert town.query("SELECT amount FROM monetary_contributions ORDER BY amount") == [(None,), (100.0,)]


def test_two_committees_whose_id_is_pending_are_two(load: Load) -> None:
    rows = [gift(10.0, cover={**OAK, "Filer_ID": "Pending", "Filer_NamL": name}) for name in ("Oak PAC", "Elm PAC")]
    town = load(A_Contributions=rows)
    assert town.query("SELECT committee_id, fppc_id, is_pending FROM committees ORDER BY 1") == [
        ("pending:elm pac", None, 1),
        ("pending:oak pac", None, 1),
    ]
    assert town.query("SELECT COUNT(*), SUM(is_current) FROM filings") == [(2, 2)]


def test_a_committee_has_its_latest_name_and_keeps_the_others(load: Load) -> None:
    old = {**OAK, "Filer_NamL": "Oak Committee", "From_Date": date(2022, 1, 1), "Rpt_Date": date(2022, 7, 1)}
    town = load(A_Contributions=[gift(1.0, cover=old), gift(2.0)])
    assert town.query("SELECT DISTINCT committee_name FROM monetary_contributions") == [("Oak PAC",)]
    assert town.query("SELECT name, first_seen FROM committee_names ORDER BY 2") == [
        ("Oak Committee", "2022-07-01"),
        ("Oak PAC", "2023-07-30"),
    ]
    assert town.query("SELECT first_report, last_report FROM committees") == [("2022-07-01", "2023-07-30")]


def test_of_names_filed_the_same_day_the_one_without_lost_characters_is_shown(load: Load) -> None:
    names = ["Oak ? PAC", "Oak - PAC", "Oak ? Committee"]
    town = load(A_Contributions=[gift(1.0, cover={**OAK, "Filer_NamL": name}) for name in names])
    assert town.query("SELECT name FROM committees") == [("Oak - PAC",)]
    assert town.one("SELECT COUNT(*) FROM committee_names") == 3


def test_a_loan_has_its_eight_amounts_in_the_right_places(load: Load) -> None:
    amounts = {f"Loan_Amt{number}": float(number) for number in range(1, 9)}
    loan = {**OAK, **amounts, "Form_Type": "B1", "Tran_ID": "L1", "Lndr_NamL": "Bank", "Memo_Code": "PAY9"}
    town = load(B1_Loans=[{**loan, "Loan_Date2": "09/06/2019", "Loan_Rate": "0.00%"}])
    assert town.query(
        "SELECT received, closing_balance, cumulative_amount, opening_balance, paid, forgiven, interest, "
        "original_amount, due_date, rate, rate_text, memo FROM received_loans"
    ) == [(1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, "2019-09-06", 0.0, "0.00%", 0)]


def test_search_finds_donors_payees_and_committees(load: Load) -> None:
    town = load(A_Contributions=[gift(1.0, Tran_Emp="City Gardens")], E_Expenditure=[expense(2.0)])
    for table, word in [
        ("monetary_contributions", "boone"),
        ("monetary_contributions", "gardening"),
        ("payments_made", "printers"),
        ("committees", "oak"),
    ]:
        assert town.query(f"SELECT COUNT(*) FROM {table}_fts WHERE {table}_fts MATCH ?", word) == [(1,)], word


def test_a_time_where_a_word_should_be_is_kept_as_text(load: Load) -> None:
    odd: dict[str, Any] = {"Tran_Emp": time(12, 30), "Tran_Occ": timedelta(hours=36), "Tran_Dscr": date(2023, 2, 1)}
    found = "SELECT Tran_Emp, Tran_Occ, Tran_Dscr FROM A_Contributions"
    assert load(A_Contributions=[gift(1.0, **odd)]).query(found) == [("12:30:00", "1 day, 12:00:00", "2023-02-01")]


def test_street_addresses_are_not_kept(load: Load) -> None:
    town = load(A_Contributions=[gift(1.0, Tran_Adr1="1 Main Street", Tres_Adr2="Apt 2")])
    columns = [name for (name,) in town.query("SELECT name FROM pragma_table_info('A_Contributions')")]
    assert len(columns) == 75 - 6 + 3
    assert b"Main Street" not in town.database.read_bytes()
