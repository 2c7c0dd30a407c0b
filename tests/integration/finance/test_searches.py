"""NetFile's searches: every row once, nothing believed that is not so, nothing asked for twice."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from clerk.errors import UsageError
from clerk.fetching import visitor
from clerk.jobs import Discard, Retry
from devtools.search_site import SearchSite, searching
from plugins.election_finance.agencies import search_wanted
from plugins.election_finance.sources import search
from plugins.election_finance.sources.connect2 import Connect2
from tests.integration.finance.conftest import Town

PERIOD = {"dateStart": "2023-01-01T00:00:00.0000000-08:00", "dateEnd": "2023-06-30T00:00:00.0000000-07:00"}
FILER = {"filerFppcId": "1400001", "filerLocalId": "XELM-1", "filerName": "Friends of Elm"}


def facts(number: int = 0, amends: str | None = None, **more: Any) -> dict[str, Any]:
    filed = "2023-07-31T23:30:00.0000000-07:00"
    return {"amendmentSequenceNumber": number, "amends": amends, "filingDate": filed, **PERIOD, **more}


def row(number: int, amount: float, filing: str = "150000001", **more: Any) -> dict[str, Any]:
    day = "2023-02-01T00:00:00.0000000-08:00"
    usual = {"id": f"r{number}", "filingId": filing, "transactionType": 0, "date": day, "name": "Oak, Ann", **FILER}
    return {**usual, "amount": amount, **more}


pytestmark = pytest.mark.slow


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[SearchSite]:
    """Serve both searches, to a visitor that hardly waits."""

    def limits(**changed: Any) -> visitor.VisitLimits:
        return visitor.VisitLimits(pause=0, patience=0.01, **changed)

    monkeypatch.setattr(search, "VisitLimits", limits)
    with searching() as site:
        monkeypatch.setenv("CLERK_FINANCE_SEARCH_URL", f"{site.url}/connect2")
        monkeypatch.setenv("CLERK_FINANCE_PORTAL_URL", f"{site.url}/portal")
        yield site


@pytest.fixture
def add(add_town: Callable[..., Town]) -> Callable[[str], Town]:
    """Return a function that adds a town with a search, and a drop folder so that no workbook is asked for."""

    def added(which: str) -> Town:
        town = add_town("elm.ca", name="Elm", extra={"netfile_agency": "XELM", "finance_search": which})
        (town.finance / "drop").mkdir(parents=True)
        return town

    return added


def gifts(town: Town) -> list[tuple[float, str]]:
    return town.query(
        "SELECT amount, format FROM monetary_contributions JOIN sources USING (source_id) ORDER BY amount, id"
    )


def test_every_row_counts_once_and_an_amendment_replaces(site: SearchSite, add: Callable[[str], Town]) -> None:
    site.page_size = 2
    site.facts = {"150000001": facts(), "150000002": facts(1, "150000001")}
    site.rows = [row(number, number) for number in range(1, 4)]
    site.rows += [row(number, number, "150000002") for number in range(11, 16)]
    site.rows += [row(20, 70, "150000002", transactionType=11, name="Printer", date=None, code="LIT")]
    town = add("connect2")
    town.etl()
    assert [amount for amount, _ in gifts(town)] == [11.0, 12.0, 13.0, 14.0, 15.0]
    assert town.query("SELECT payee_name, code, incurred FROM accrued_expenses") == [("Printer", "LIT", 70.0)]
    assert town.query(
        "SELECT report_num, report_date, superseded_reason, pdf_url FROM filings ORDER BY report_num"
    ) == [
        (0, "2023-07-31", "amended", "https://netfile.com/Connect2/api/public/image/150000001"),
        (1, "2023-07-31", None, "https://netfile.com/Connect2/api/public/image/150000002"),
    ]
    assert all(agent.startswith("clerk") for agent in site.user_agents)


def test_nothing_is_asked_for_twice(site: SearchSite, add: Callable[[str], Town]) -> None:
    site.facts, site.rows = {"150000001": facts()}, [row(1, 10)]
    town = add("connect2")
    town.etl()
    site.requests.clear()
    assert town.etl()["outcome"] == "unchanged"
    assert site.requests == ["/connect2/public/list/filing"]
    site.facts["150000002"] = facts(dateStart="2023-07-01", dateEnd="2023-12-31")
    site.rows.append(row(2, 5, "150000002"))
    site.requests.clear()
    town.etl()
    assert gifts(town) == [(5.0, "search"), (10.0, "search")]
    assert [path for path in site.requests if "info" in path] == ["/connect2/public/filing/info/150000002"]


def test_a_filing_of_a_workbook_and_of_the_search_counts_once(site: SearchSite, add: Callable[[str], Town]) -> None:
    site.facts = {"150000001": facts(), "150000003": facts(dateStart="2023-07-01", dateEnd="2023-12-31")}
    late = {"transactionType": 20, "date": "2023-05-01T00:00:00-07:00", "name": "Oak, Ann"}
    site.facts["150000002"] = facts(dateStart="2023-05-02", dateEnd="2023-05-02")
    site.rows = [row(1, 100), row(2, 1000, "150000002", **late), row(3, 7, "150000003")]
    town = add("connect2")
    cover = {"Filer_ID": "1400001", "Filer_NamL": "Friends of Elm", "Report_Num": "000", "Rpt_Date": "2023-07-30"}
    gift = {**cover, "From_Date": "2023-01-01", "Thru_Date": "2023-06-30", "Form_Type": "A", "Tran_ID": "A1"}
    report = {
        **cover,
        "Form_Type": "F497P1",
        "Rpt_ID_Num": "7",
        "Tran_ID": "L1",
        "Enty_NamL": "Oak",
        "Enty_NamF": "Ann",
    }
    town.drop_rows(
        "2023.xlsx",
        {
            "A-Contributions": [{**gift, "Tran_NamL": "Oak", "Tran_Date": "2023-02-01", "Tran_Amt1": 100.0}],
            "497": [{**report, "Ctrib_Date": "2023-05-01", "Amount": 1000.0}],
        },
    )
    town.etl()
    assert gifts(town) == [(7.0, "search"), (100.0, "workbook")]
    assert town.one("SELECT SUM(amount) FROM contribution_reports_24_hours") == 1000.0
    assert town.query("SELECT format, filings, duplicates FROM coverage ORDER BY format") == [
        *(("search", 3, 2), ("workbook", 2, 0))
    ]


def test_a_row_that_a_page_lost_is_found_again(site: SearchSite, add: Callable[[str], Town]) -> None:
    site.page_size, site.lost_once = 2, "r2"
    site.facts, site.rows = {"150000001": facts()}, [row(number, number) for number in range(1, 6)]
    town = add("connect2")
    town.etl()
    assert len(gifts(town)) == 5


@pytest.mark.parametrize("which", ["connect2", "portal"])
def test_a_total_of_0_above_rows_is_not_believed(which: str, site: SearchSite, add: Callable[[str], Town]) -> None:
    site.page_size, site.said_total = 2, 0
    site.facts = {"150000001": {**facts(), "formName": "FPPC 460"}}
    kind = {"transactionType": "F460A (Monetary contributions)"} if which == "portal" else {}
    site.rows = [row(number, number, **kind) for number in range(1, 6)]
    town = add(which)
    town.etl()
    assert len(gifts(town)) == 5


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"said_total": 9}, "there are 9 rows, and gives 1"),
        ({"failing": {"/connect2/public/campaign/search/transaction/query"}}, "HTTP 500"),
        ({"empty_with_200": True}, "SqlException"),
    ],
)
def test_what_is_not_whole_is_tried_again_later(
    change: dict[str, Any], reason: str, site: SearchSite, add: Callable[[str], Town]
) -> None:
    site.facts, site.rows = {"150000001": facts()}, [row(1, 10)]
    for name, value in change.items():
        setattr(site, name, value)
    town = add("connect2")
    with pytest.raises(Retry, match=reason):
        town.etl()
    assert not town.database.exists()


@pytest.mark.parametrize(
    ("agencies", "reason"),
    [
        (
            [{"id": 5, "shortcut": "XELM"}, {"id": 6, "shortcut": "XELM"}],
            "XELM is the shortcut of more than one agency",
        ),
        ([{"id": 5, "shortcut": "XOAK"}], "XELM is not on the list of agencies"),
        ([{"id": 5, "shortcut": "XELM"}], "no transactions of XELM: the agency may be another"),
    ],
)
def test_the_wrong_agency_is_no_empty_year(
    agencies: list[dict[str, Any]], reason: str, site: SearchSite, add: Callable[[str], Town]
) -> None:
    site.agencies, site.facts = agencies, {"150000001": facts()}
    with pytest.raises(Discard, match=reason):
        add("connect2").etl()


def test_rows_wait_for_the_facts_of_their_filing(
    site: SearchSite, add: Callable[[str], Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connect2, "most_facts", 1)
    site.facts = {"150000001": facts(), "150000002": facts(1)}
    site.rows = [row(1, 10), row(2, 20, "150000002")]
    town = add("connect2")
    town.etl()
    assert gifts(town) == [(20.0, "search")]
    assert town.one("SELECT detail FROM row_issues WHERE code = 'owed_filings'").startswith("1 filings")
    town.etl()
    assert town.query("SELECT report_num, is_current FROM filings ORDER BY 1") == [(0, 0), (1, 1)]


def test_a_filing_that_fails_now_is_owed(site: SearchSite, add: Callable[[str], Town]) -> None:
    site.facts = {"150000001": facts(), "150000002": facts(dateStart="2023-07-01", dateEnd="2023-12-31")}
    site.rows = [row(1, 10), row(2, 20, "150000002")]
    site.failing = {"/connect2/public/filing/info/150000001"}
    town = add("connect2")
    town.etl()
    assert gifts(town) == [(20.0, "search")]
    site.failing.clear()
    town.etl()
    assert gifts(town) == [(10.0, "search"), (20.0, "search")]


def test_the_public_pages_know_filers_by_name(site: SearchSite, add: Callable[[str], Town]) -> None:
    about = {
        "formName": "FPPC 460",
        "filingDate": "2023-07-31T00:00:00+00:00",
        "sequenceNumber": "0",
        "reportNumber": "",
    }
    period = {"periodStart": "2023-01-01T00:00:00+00:00", "periodEnd": "2023-06-30T00:00:00+00:00"}
    site.facts = {"150000001": {**about, **period}}
    kind = {"filerName": "* Friends of Elm", "transactionType": "F460A (Monetary contributions)"}
    site.rows = [row(1, 100, **kind, address="Los Angeles, CA, 90067"), row(2, 5, **kind, address="Elm, CA")]
    town = add("portal")
    town.etl()
    assert town.query("SELECT committee_id, city, state, zip FROM monetary_contributions ORDER BY amount DESC") == [
        ("pending:friends of elm", "Los Angeles", "CA", "90067"),
        ("pending:friends of elm", "Elm", "CA", None),
    ]
    cover = {"Filer_ID": "1400001", "Filer_NamL": "FRIENDS OF ELM", "Report_Num": "000", "Rpt_Date": "2023-07-31"}
    gift = {**cover, "From_Date": "2023-01-01", "Thru_Date": "2023-06-30", "Form_Type": "A", "Tran_Amt1": 105.0}
    town.drop_rows("2023.xlsx", {"A-Contributions": [gift]})
    town.etl()
    assert gifts(town) == [(105.0, "workbook")]


def test_a_search_that_is_not_known_is_refused() -> None:
    with pytest.raises(UsageError, match="finance_search 'google' is neither connect2 nor portal"):
        search_wanted("elm.ca", json.dumps({"finance_search": "google"}))
