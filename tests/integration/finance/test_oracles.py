"""The figures that real workbooks must give; they were counted by other means, before this code was written."""

from collections.abc import Callable
from pathlib import Path

import pytest

from plugins.election_finance import etl
from plugins.election_finance.agencies import known_agencies
from plugins.election_finance.inputs import inputs_of
from plugins.election_finance.site_paths import FinanceSite
from tests.integration.finance.conftest import Town

DATA = Path(__file__).parents[4] / "shared" / "data" / "finance" / "xlsx"

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"real workbooks are not part of the repository, and {DATA} does not exist"
)

AMOUNTS = {
    "monetary_contributions": "amount",
    "non_monetary_contributions": "amount",
    "misc_cash_increases": "amount",
    "ie_contributions": "amount",
    "ie_expenditures": "amount",
    "major_donor_ie_statements": "amount",
    "expenditure_summaries": "amount",
    "on_behalf_of_expenditures": "amount",
    "payments_made": "amount",
    "accrued_expenses": "incurred",
    "received_loans": "received",
    "loan_guarantors": "received",
    "loans_made": "received",
    "contribution_reports_24_hours": "amount",
    "ie_reports_24_hours": "amount",
}


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str, str], Town]:
    """Return a function that makes a database from one of the workbooks, without a site in the database."""

    def made(subdomain: str, name: str, file: str) -> Town:
        town = Town(subdomain, tmp_path_factory.mktemp(subdomain))
        site = FinanceSite(subdomain, name, known_agencies()[subdomain].shortcut, None, town.finance)
        town.drop(file, DATA / file)
        with inputs_of(site) as inputs:
            etl.extract(inputs, "r")
            etl.transform(inputs, "r")
        site.staged.rename(town.database)
        return town

    return made


@pytest.fixture(scope="module")
def oakland(build: Callable[[str, str, str], Town]) -> Town:
    return build("oakland.ca", "Oakland", "efile_COAK_2013.xlsx")


@pytest.fixture(scope="module")
def berkeley(build: Callable[[str, str, str], Town]) -> Town:
    return build("berkeley.ca", "Berkeley", "efile_BRK_2018.xlsx")


def figures(town: Town) -> dict[str, tuple[int, float, int, float]]:
    """Return {table: (rows, sum, current rows, their sum)} of the tables that have any."""
    found = {}
    for table, amount in AMOUNTS.items():
        rows, total = town.query(f"SELECT COUNT(*), ROUND(TOTAL({amount}), 2) FROM {table}")[0]
        others, besides = town.query(f"SELECT COUNT(*), TOTAL({amount}) FROM superseded_{table}")[0]
        if rows + others:
            found[table] = (rows + others, round(total + besides, 2), rows, total)
    return found


def totals(town: Town) -> list[tuple[str, str, float, float]]:
    return town.query(
        "SELECT committee_id, committee_name, contributions, expenditures FROM committee_totals "
        "ORDER BY contributions DESC LIMIT 4"
    )


def test_oakland_2013_rows_and_sums(oakland: Town) -> None:
    assert figures(oakland) == {
        "monetary_contributions": (1030, 370186.15, 984, 357260.15),
        "non_monetary_contributions": (12, 23006.22, 12, 23006.22),
        "misc_cash_increases": (3, 8442.80, 3, 8442.80),
        "major_donor_ie_statements": (50, 57200.00, 50, 57200.00),
        "expenditure_summaries": (13, 4203.40, 13, 4203.40),
        "on_behalf_of_expenditures": (4, 2580.38, 4, 2580.38),
        "payments_made": (251, 189824.34, 231, 179261.83),
        "accrued_expenses": (35, 12202.62, 35, 12202.62),
        "received_loans": (30, 33000.00, 29, 33000.00),
        "contribution_reports_24_hours": (1, 5000.00, 1, 5000.00),
    }
    assert oakland.query("SELECT COUNT(*), SUM(is_current) FROM summaries") == [(1647, 1647)]
    assert oakland.query("SELECT COUNT(*), SUM(is_current) FROM superseded_summaries") == [(1831 - 1647, 0)]


def test_oakland_2013_raw_tables_have_every_row(oakland: Town) -> None:
    tables = ["A_Contributions", "F461P5_Expenditure", "E_Expenditure", "Summary", "497", "496", "H_Loans"]
    assert [oakland.one(f'SELECT COUNT(*) FROM "{table}"') for table in tables] == [1030, 50, 251, 1831, 1, 0, 0]
    assert oakland.one('SELECT ROUND(SUM(Tran_Amt1), 2) FROM "A_Contributions"') == 370186.15


def test_oakland_2013_filers_and_periods(oakland: Town) -> None:
    periods = "SELECT DISTINCT committee_id, from_date, thru_date FROM filings WHERE form IN ('460', '461')"
    assert oakland.one(f"SELECT COUNT(DISTINCT committee_id) FROM ({periods})") == 36
    assert oakland.one(f"SELECT COUNT(*) FROM ({periods})") == 43
    assert oakland.query(
        "SELECT committee_id, from_date, thru_date FROM filings WHERE superseded_reason = 'contained' ORDER BY 2"
    ) == [("1310647", "2013-07-01", "2013-09-29"), ("1310647", "2013-09-30", "2013-10-27")]


def test_oakland_2013_two_originals_for_one_period(oakland: Town) -> None:
    assert oakland.query(
        "SELECT report_date, is_current, superseded_reason FROM filings WHERE committee_id = '1320283' ORDER BY 1"
    ) == [("2013-07-24", 0, "refiled"), ("2013-07-31", 1, None)]
    assert oakland.one("SELECT COUNT(*) FROM committee_names WHERE committee_id = '1320283'") == 2


def test_oakland_2013_committees(oakland: Town) -> None:
    assert totals(oakland) == [
        ("1357609", "Parker for Oakland Mayor 2014", 108616.71, 20497.46),
        ("1354678", "Re-Elect Mayor Quan 2014", 97198.00, 13221.73),
        ("1310647", "The Oakland Fund for Keep Oakland Firesafe 2013", 49484.00, 56986.07),
        ("983545", "OAKPAC, Oakland Metropolitan Chamber of Commerce", 26241.90, 4687.46),
    ]


def test_oakland_2013_top_contributors(oakland: Town) -> None:
    top = oakland.query("SELECT contributor_name, total FROM top_contributors ORDER BY total DESC LIMIT 2")
    assert top[0][0].startswith("INTERNATIONAL ASSOCIATION OF FIREFIGHTER LOCAL 55")
    assert [total for _, total in top] == [10000.0, 6900.0]
    assert top[1][0] == "OAKLAND EDUCATION ASSOCIATION"
    third = {name for (name,) in oakland.query("SELECT contributor_name FROM top_contributors WHERE total = 5000")}
    assert {"Pacific Gas & Electric Co.", "Phillip H. Tagami"} <= third
    assert oakland.one("SELECT COUNT(*) FROM top_contributors WHERE total > 5000") == 2


def test_oakland_2013_adds_up(oakland: Town) -> None:
    checks = "SELECT COUNT(*) FROM reconciliation WHERE schedule <> 'F'"
    assert oakland.one(checks) > 50
    assert oakland.one(f"{checks} AND difference <> 0") == 0
    assert oakland.query("SELECT schedule, difference FROM reconciliation WHERE difference <> 0") == [("F", 27.99)]
    current = oakland.one("SELECT ROUND(SUM(line_total), 2) FROM reconciliation WHERE schedule = 'A' AND is_current")
    assert current == 357260.15


def test_berkeley_2018(berkeley: Town) -> None:
    assert figures(berkeley) == {
        "monetary_contributions": (24, 4511.00, 24, 4511.00),
        "non_monetary_contributions": (40, 8634.11, 40, 8634.11),
        "misc_cash_increases": (3, 6207.42, 3, 6207.42),
        "payments_made": (35, 5566.52, 35, 5566.52),
        "accrued_expenses": (3, 201.92, 3, 201.92),
        "received_loans": (3, 350.00, 3, 350.00),
    }
    assert berkeley.query("SELECT COUNT(*), SUM(is_current) FROM summaries") == [(405, 405)]
    assert berkeley.query("SELECT COUNT(*), COUNT(DISTINCT committee_id), SUM(is_current) FROM filings") == [(9, 9, 9)]
    assert totals(berkeley) == [
        ("1400286", "Campaign for Police Accountability", 8734.11, 8644.11),
        (
            "1403502",
            "Berkeley Community for Police Oversight Committee Supporting Police Commission Oversight "
            "Charter Amendment",
            1815.00,
            451.00,
        ),
        ("1402139", "Citizens Against Nuclear Weapons", 1506.00, 636.99),
        ("1400769", "Alfred Twu for Berkeley City Council 2018", 888.70, 2724.61),
    ]
    top = berkeley.query("SELECT contributor_name, total FROM top_contributors ORDER BY total DESC LIMIT 2")
    assert top == [("Gordon Wozniak", 1506.0), ("James McFadden", 500.0)]
    others = {name for (name,) in berkeley.query("SELECT contributor_name FROM top_contributors WHERE total = 250")}
    assert {"John P. Gooding", "Alistair McElwee"} <= others


def test_west_sacramento_2015(add_town: Callable[..., Town]) -> None:
    town = add_town("westsacramento.ca", name="West Sacramento")
    town.drop("efile_newest_WESTSAC_2015.xlsx", DATA / "efile_newest_WESTSAC_2015.xlsx")
    assert town.etl()["rows"] == 1
    assert figures(town) == {"contribution_reports_24_hours": (1, 250.00, 1, 250.00)}
    assert town.query("SELECT year, status, filings, rows FROM coverage") == [(2015, "ok", 1, 1)]


def test_years_together_are_what_they_are_apart(add_town: Callable[..., Town], oakland: Town) -> None:
    """Two agencies' files in one folder is nonsense to a reader, but no row of one may touch a row of the other."""
    town = add_town("oakland.ca")
    for file in ("efile_COAK_2013.xlsx", "efile_BRK_2018.xlsx"):
        town.drop(file, DATA / file)
    town.etl()
    assert figures(town)["monetary_contributions"] == (1054, 374697.15, 1008, 361771.15)
    assert figures(town)["major_donor_ie_statements"] == figures(oakland)["major_donor_ie_statements"]
