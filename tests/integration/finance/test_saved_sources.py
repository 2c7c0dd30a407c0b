"""Files that others saved, of each source; the figures were counted from the files by other means."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.finance.conftest import Town

DATA = Path(__file__).parents[4] / "shared" / "data" / "finance"

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"saved files are not part of the repository, and {DATA} does not exist"
)

AMOUNTS = {
    "monetary_contributions": "amount",
    "non_monetary_contributions": "amount",
    "misc_cash_increases": "amount",
    "ie_contributions": "amount",
    "expenditure_summaries": "amount",
    "on_behalf_of_expenditures": "amount",
    "payments_made": "amount",
    "accrued_expenses": "incurred",
    "received_loans": "received",
    "contribution_reports_24_hours": "amount",
    "ie_reports_24_hours": "amount",
    "summaries": "amount_period",
}


def current(town: Town) -> dict[str, tuple[int, float]]:
    """Return {table: (current rows, their sum)} of the tables that have any."""
    found = {
        table: town.query(f"SELECT COUNT(*), ROUND(SUM({amount}), 2) FROM {table} WHERE is_current")[0]
        for table, amount in AMOUNTS.items()
    }
    return {table: figures for table, figures in found.items() if figures[0]}


def test_a_year_of_san_diego_in_cal201(add_town: Callable[..., Town]) -> None:
    town = add_town("sandiego.ca", name="San Diego")
    town.drop("2015.csv", DATA / "csv" / "cal201_year_CSD_2015_json_flattened.csv")
    assert (town.etl()["rows"], town.one("SELECT COUNT(*) FROM filings WHERE is_current")) == (199, 10)
    assert current(town) == {
        "monetary_contributions": (49, 2361165.15),
        "non_monetary_contributions": (11, 259412.59),
        "misc_cash_increases": (1, 3087.0),
        "expenditure_summaries": (1, 10000.0),
        "on_behalf_of_expenditures": (23, 163398.83),
        "payments_made": (83, 2385132.91),
        "accrued_expenses": (29, 325602.83),
        "received_loans": (1, 500000.0),
        "contribution_reports_24_hours": (1, 3500.0),
    }
    assert town.query("SELECT loan_date, rate, due_date, employer FROM received_loans") == [
        ("2015-03-26", 0.0, "2015-12-31", None)
    ]
    assert town.query(
        "SELECT payee_name, agent_name, code, from_schedule FROM on_behalf_of_expenditures "
        "WHERE transaction_id = 'EDT7'"
    ) == [("U.S. POSTMASTER", "AMPLIFIED STRATEGIES", "POS", "E")]
    assert town.query("SELECT pdf_url FROM filings WHERE netfile_filing_id = '153683555'") == [
        ("https://netfile.com/Connect2/api/public/image/153683555",)
    ]


def test_a_row_of_san_francisco_in_cal201_with_the_older_columns(add_town: Callable[..., Town]) -> None:
    town = add_town("sanfrancisco.ca")
    town.drop("pty.csv", DATA / "csv" / "cal201_year_SFO_2014_pty_json_flattened.csv")
    town.etl()
    assert town.query(
        "SELECT committee_id, contributor_or_recipient, date, amount FROM contribution_reports_24_hours"
    ) == [("SFO-5629", "San Francisco Democratic County Central Committee", "2014-03-24", 2500.0)]
    assert town.query("SELECT year, format, status, filings, rows FROM coverage") == [(2014, "cal201", "ok", 1, 1)]


def test_an_e_filing_and_its_amendment(add_town: Callable[..., Town]) -> None:
    town = add_town("oakland.ca")
    for name in ("F460-212406069.txt", "F460-212408156-amendment.txt"):
        town.drop(name, DATA / "cal" / name)
    town.etl()
    assert current(town) == {
        "monetary_contributions": (2, 30000.0),
        "payments_made": (4, 23697.0),
        "accrued_expenses": (4, 16063.51),
        "on_behalf_of_expenditures": (1, 1092.0),
        "summaries": (45, 395092.55),
    }
    assert town.query(
        "SELECT report_num, netfile_filing_id, is_current, superseded_reason FROM filings ORDER BY 1"
    ) == [
        (0, "212406069", 0, "amended"),
        (1, "212408156", 1, None),
    ]
    assert town.query("SELECT contributions, expenditures, cash_on_hand, debts FROM committee_totals") == [
        (30000.0, 32155.51, 6303.0, 17563.51)
    ]
    assert town.one("SELECT COUNT(*) FROM reconciliation WHERE is_current AND difference <> 0") == 0
    assert "000-0000" not in "".join(str(row) for row in town.query('SELECT * FROM "Summary"'))


def test_e_filings_of_24_hours_and_of_another_vendor(add_town: Callable[..., Town]) -> None:
    town = add_town("oakland.ca")
    for name in ("F496-212424488.txt", "F497-201064086.txt", "F460-215761012-CSHA-ispolitical.txt"):
        town.drop(name, DATA / "cal" / name)
    town.etl()
    found = current(town)
    assert found["contribution_reports_24_hours"] == (16, 1451.0)
    assert (found["ie_reports_24_hours"], found["ie_contributions"]) == ((2, 30000.0), (1, 10000.0))
    assert town.query("SELECT DISTINCT candidate_name, support_oppose, report_id FROM ie_reports_24_hours") == [
        ("CARROLL FIFE", "O", "20241023CF")
    ]
    assert town.one("SELECT COUNT(DISTINCT filing_id) FROM (SELECT filing_id FROM ie_contributions UNION "
                    "SELECT filing_id FROM ie_reports_24_hours)") == 1  # fmt: skip
    assert town.query(
        "SELECT received, forgiven, opening_balance, closing_balance, original_amount FROM received_loans"
    ) == [(0.0, 25.0, 25.0, 0.0, 25.0)]
    assert found["monetary_contributions"] == (2, 125.0)
    assert town.query("SELECT amount, code FROM payments_made") == [(1000.0, "PRO")]


def test_sheets_as_csv(add_town: Callable[..., Town]) -> None:
    town = add_town("oakland.ca")
    for path in sorted((DATA / "csv").glob("sheet_COAK_*.csv")):
        town.drop(path.name, path)
    assert town.etl()["rows"] == 310
    assert current(town) == {
        "expenditure_summaries": (24, 100788.96),
        "payments_made": (102, 104818.42),
        "summaries": (180, 1930288.78),
        "contribution_reports_24_hours": (4, 23585.0),
    }
    assert town.query("SELECT year, filings, rows, format FROM coverage ORDER BY year") == [
        (2016, 3, 24, "sheet"),
        (2017, 1, 46, "sheet"),
        (2018, 4, 240, "sheet"),
    ]
