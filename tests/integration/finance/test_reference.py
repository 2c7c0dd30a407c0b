"""docs/reference/election-finance.md names every table and column that a reader meets, and its queries run."""

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from devtools.netfile_site import MUNICIPALITIES, NetFileSite
from tests.integration.finance.conftest import Town

pytestmark = pytest.mark.slow

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
PAGE = (REFERENCE / "election-finance.md").read_text(encoding="utf-8")
VIEWS = (REFERENCE / "published-databases.md").read_text(encoding="utf-8")
#: What corkboard, the public front end, opens; it hides the first sixteen.
RAW = (
    "A_Contributions C_Contributions I_Contributions F496P3_Contributions F465P3_Expenditure F461P5_Expenditure "
    "D_Expenditure G_Expenditure E_Expenditure F_Expenses B1_Loans B2_Loans H_Loans Summary 497 496"
)
FRIENDLY = (
    "monetary_contributions non_monetary_contributions misc_cash_increases ie_contributions ie_expenditures "
    "major_donor_ie_statements expenditure_summaries on_behalf_of_expenditures payments_made accrued_expenses "
    "received_loans loan_guarantors loans_made summaries contribution_reports_24_hours ie_reports_24_hours"
)


@pytest.fixture
def town(add_town: Callable[..., Town], netfile: NetFileSite) -> Town:
    place = MUNICIPALITIES[2]
    town = add_town(place.subdomain, name=place.name, start_year=2024, extra={"netfile_agency": place.shortcut})
    town.etl()
    return town


def test_every_table_and_column_is_explained(town: Town) -> None:
    explained = set(re.findall(r"`([^`\n]+)`", PAGE))
    raw = set(RAW.split())
    names = (
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '%~_fts%'"
    )
    tables = {name for (name,) in town.query(f"{names} ESCAPE '~'")}
    assert {re.sub("^(superseded_|memo_)", "", table) for table in tables} - explained == set()
    for table in tables - raw:
        columns = {name for (name,) in town.query("SELECT name FROM pragma_table_info(?)", table)}
        assert columns - explained == set(), table


def test_every_view_is_explained_and_answers(town: Town) -> None:
    views = {name for (name,) in town.query("SELECT name FROM sqlite_master WHERE type = 'view'")}
    explained = set(re.findall(r"`([^`\n]+)`", VIEWS))
    assert "contributions" in views
    assert views - explained == set()
    for view in views:
        town.query(f"SELECT * FROM {view} LIMIT 1")


def test_the_front_ends_tables_are_there(town: Town) -> None:
    for table in [*RAW.split(), *FRIENDLY.split(), "zipcodes"]:
        assert town.one("SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = ?", table) == 1, table
    for table in FRIENDLY.split():
        columns = {name for (name,) in town.query("SELECT name FROM pragma_table_info(?)", table)}
        assert {"report_date", "is_current", "committee_name"} <= columns, table


def test_the_queries_answer(town: Town) -> None:
    (block,) = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    queries = [query for query in block.split(";") if query.strip()]
    assert [len(town.query(query)) > 0 for query in queries] == [True] * 3


def test_datasette_finds_the_search(town: Town) -> None:
    from datasette.utils import detect_fts  # type: ignore[import-untyped]

    from plugins.election_finance.schema import SEARCHED

    with sqlite3.connect(town.database) as connection:
        assert {detect_fts(connection, table) for table in SEARCHED} == {f"{table}_fts" for table in SEARCHED}
    connection.close()
