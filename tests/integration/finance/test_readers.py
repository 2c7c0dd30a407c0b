"""What a reader finds who adds up the first table, or asks a view: what counts, with its words and its evidence."""

from datetime import date
from itertools import chain
from typing import Any

import pytest

from plugins.election_finance.layout import SHEETS
from tests.integration.finance.conftest import Load, Town
from tests.integration.finance.test_derived import ELM, OAK, expense, gift, line

pytestmark = pytest.mark.slow

AMENDED = {**OAK, "Report_Num": "001", "Rpt_Date": date(2023, 8, 9)}
LATE = {"Report_Num": "000", "Rpt_Date": date(2023, 10, 2), "Rpt_ID_Num": "1"}
AGAIN = {**LATE, "Rpt_Date": date(2023, 10, 9), "Rpt_ID_Num": "2"}
EVIDENCE = (
    "filing_id form report_date report_num source_file source_sheet source_row source_sha256 page_url"  # of each row
)
DETAILED = ("contributions", "spending_for_and_against", "late_contributions", "loans", "ie_contributions_once")


def late_gift(report: dict[str, Any], amount: float = 1500.0, **cells: Any) -> dict[str, Any]:
    about = {"Form_Type": "F497P1", "Tran_ID": "L1", "Enty_NamL": "Quill", "Entity_Cd": "IND"}
    return {**OAK, **report, **about, "Ctrib_Date": date(2023, 10, 1), "Amount": amount, **cells}


def part_3(report: dict[str, Any], amount: float = 250.0, **cells: Any) -> dict[str, Any]:
    known = {name: cell for name, cell in report.items() if name != "Rpt_ID_Num"}
    about = {"Form_Type": "F496P3", "Tran_ID": "G1", "Tran_NamL": "Quill", "Tran_Date": date(2023, 9, 30)}
    return {**OAK, **known, **about, "Tran_Amt1": amount, **cells}


def spending(report: dict[str, Any], **cells: Any) -> dict[str, Any]:
    about = {"Form_Type": "F496", "Tran_ID": "S1", "Amount": 900.0, "Exp_Date": date(2023, 10, 1)}
    return {**OAK, **report, **about, "Cand_NamL": "María  Castro", "Sup_Opp_Cd": "O", **cells}


def loan(amount: float, **cells: Any) -> dict[str, Any]:
    return {**OAK, "Form_Type": "B1", "Tran_ID": f"B{amount}", "Lndr_NamL": "Quill", "Loan_Amt1": amount, **cells}


@pytest.fixture
def town(load: Load) -> Town:
    """Load a town with something of everything."""
    return load(
        A_Contributions=[
            gift(146.5, Tran_Emp="Acme"),
            gift(100.0, cover=AMENDED, Tran_Emp="Acme"),
            gift(0.5, name="Ben Cole", cover=AMENDED, Tran_Emp="ACME", Tran_City="OAKLAND"),
            gift(999.0, cover=AMENDED, Memo_Code="X"),
        ],
        C_Contributions=[gift(20.25, cover=AMENDED, Form_Type="C")],
        E_Expenditure=[expense(60.0, AMENDED)],
        D_Expenditure=[
            expense(70.0, AMENDED, Form_Type="D", Expn_Code="IND", Cand_NamL="Maria Castro", Sup_Opp_Cd="s")
        ],
        B1_Loans=[loan(500.0), loan(400.0, **AMENDED)],
        Summary=[line("A", "1", 146.5), line("A", "1", 100.5, AMENDED)],
        late497=[late_gift(LATE), late_gift(AGAIN), late_gift(AGAIN, 1600.0)],
        late496=[spending(LATE), spending(AGAIN, Tran_ID="S2", Amount=40.0)],
        F496P3_Contributions=[part_3(LATE), part_3(AGAIN), part_3(AGAIN, 60.0), part_3(AGAIN, 7.0, Memo_Code="X")],
    )


def test_the_obvious_sum_is_right(town: Town) -> None:
    assert town.one("SELECT SUM(amount) FROM monetary_contributions") == 100.5
    assert town.one("SELECT SUM(received) FROM received_loans") == 400.0
    assert town.one("SELECT SUM(amount_period) FROM summaries") == 100.5
    assert town.query("SELECT DISTINCT is_current, memo FROM monetary_contributions") == [(1, 0)]


def test_what_does_not_count_is_set_aside_with_the_reason(town: Town) -> None:
    found = "SELECT amount, is_current, memo, reason FROM {}_monetary_contributions"
    assert town.query(found.format("superseded")) == [(146.5, 0, 0, "amended")]
    assert town.query(found.format("memo")) == [(999.0, 1, 1, "memo")]
    assert town.query("SELECT received, reason FROM superseded_received_loans") == [(500.0, "amended")]


def test_each_row_is_in_one_of_three_tables_of_the_same_columns(town: Town) -> None:
    columns = "SELECT name FROM pragma_table_info(?)"
    for sheet in SHEETS:
        tables = [f"{prefix}{sheet.friendly}" for prefix in ("", "superseded_", "memo_")]
        counts = [town.one(f"SELECT COUNT(*) FROM {table}") for table in tables]
        assert sum(counts) == town.one(f'SELECT COUNT(*) FROM "{sheet.raw}"'), sheet.name
        found, *aside = [town.query(columns, table) for table in tables]
        assert aside == [[*found, ("reason",)]] * 2, sheet.name


def test_every_listed_gift_of_part_3_is_kept_and_counted_once(town: Town) -> None:
    assert town.one("SELECT SUM(amount) FROM ie_contributions") == 567.0
    assert town.query("SELECT amount, report_date FROM ie_contributions_once ORDER BY amount") == [
        (60.0, "2023-10-09"),
        (250.0, "2023-10-02"),
    ]


def test_who_gave_to_whom(town: Town) -> None:
    assert town.query(
        "SELECT contributor_name, name_norm, contributor_type, contributor_type_label, committee_name, year, kind, "
        "amount, amount_text FROM contributions ORDER BY amount"
    ) == [
        ("Ben Cole", "ben cole", "IND", "Individual", "Oak PAC", 2023, "money", 0.5, "0.50"),
        ("Ada Boone", "ada boone", "IND", "Individual", "Oak PAC", 2023, "goods or services", 20.25, "20.25"),
        ("Ada Boone", "ada boone", "IND", "Individual", "Oak PAC", 2023, "money", 100.0, "100.00"),
    ]
    sums = "gifts, contributors, money, goods, total"
    assert town.query(f"SELECT year, {sums} FROM contributions_by_year") == [(2023, 3, 2, 100.5, 20.25, 120.75)]
    assert town.query(f"SELECT city, {sums} FROM contributions_by_city") == [("OAKLAND", 3, 2, 100.5, 20.25, 120.75)]
    assert town.query("SELECT employer, total FROM contributions_by_employer ORDER BY 1") == [
        (None, 20.25),
        ("ACME", 100.5),
    ]
    assert town.query("SELECT committee_name, total FROM contributions_by_committee") == [("Oak PAC", 120.75)]


def test_spending_for_and_against(town: Town) -> None:
    assert town.query(
        "SELECT target, support_oppose_label, spender, amount_text, form FROM spending_for_and_against ORDER BY amount"
    ) == [
        ("María Castro", "Oppose", "Oak PAC", "40.00", "496"),
        ("Maria Castro", "Support", "Oak PAC", "70.00", "460"),
        ("María Castro", "Oppose", "Oak PAC", "900.00", "496"),
    ]
    assert town.query("SELECT target_norm, support_oppose_label, payments, total FROM spending_by_target") == [
        ("maria castro", "Oppose", 2, 940.0),
        ("maria castro", "Support", 1, 70.0),
    ]


def test_late_contributions_and_loans(town: Town) -> None:
    late = "SELECT contributor_name, amount, is_open, contributor_type_label FROM late_contributions ORDER BY amount"
    assert town.query(late) == [("Quill", 1500.0, 1, "Individual"), ("Quill", 1600.0, 1, "Individual")]
    assert town.query("SELECT lender_or_borrower, direction, amount_text FROM loans") == [
        ("Quill", "received", "400.00")
    ]


def test_each_row_leads_to_its_filing_its_source_and_a_page(town: Town) -> None:
    ((sha256, file),) = town.query("SELECT sha256, url FROM sources")
    found = [town.query(f"SELECT {', '.join(EVIDENCE.split())}, amount FROM {view}") for view in DETAILED]
    assert all(found)
    for filing, form, filed, _number, source, sheet, row, digest, page, amount in chain(*found):
        assert town.query("SELECT form, report_date, page_url FROM filings WHERE filing_id = ?", filing) == [
            (form, filed, page)
        ]
        assert (source, digest) == (file, sha256)
        assert page == "https://netfile.com/public/COAK/campaign"
        cells = town.query(f'SELECT * FROM "{sheet.replace("-", "_")}" WHERE _source_id = 2023 AND _row = ?', row)
        assert amount in cells[0]


def test_a_committee_and_a_form_carry_their_words(load: Load) -> None:
    town = load(A_Contributions=[gift(1.0, cover={**ELM, "Committee_Type": "CTL"})])
    assert town.query("SELECT committee_type, committee_type_label FROM committees") == [
        ("CTL", "Controlled committee")
    ]
    assert town.query("SELECT form, form_name FROM filings") == [("460", "Recipient committee campaign statement")]


def test_a_blank_amount_has_no_text(load: Load) -> None:
    town = load(A_Contributions=[gift(None)])
    assert town.query("SELECT amount, amount_text FROM contributions") == [(None, None)]
