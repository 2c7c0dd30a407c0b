"""What a site may have: by the addresses that it names, and by what `finance sources` says."""

import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from clerk.errors import NotFoundError
from devtools.netfile_site import PAGE, Answer, serving
from plugins.election_finance.commands import app
from tests.integration.finance.conftest import Town
from tests.integration.finance.text_files import GIFT, cal201, gifts, sheet


@pytest.fixture
def town(add_town: Callable[..., Town]) -> Town:
    return add_town("elm.ca", name="Elm")


@pytest.mark.slow
def test_a_city_publishes_a_sheet_and_only_a_change_is_downloaded(add_town: Callable[..., Town]) -> None:
    with serving() as site:
        site.answers["/a.csv"] = Answer(sheet("A-Contributions", GIFT), kind="text/csv")
        site.answers["/page"] = PAGE
        town = add_town("elm.ca", extra={"finance_csv": [f"{site.url}/a.csv", f"{site.url}/page"]})
        town.drop("notes.txt", b"hello")
        town.etl()
        assert gifts(town) == [(100.0, "sheet")]
        assert "web page" in town.one("SELECT detail FROM sources WHERE status = 'unavailable'")
        site.requests.clear()
        assert town.etl()["outcome"] == "unchanged"
        assert ("/a.csv", 304) in site.requests
        site.answers["/a.csv"] = Answer(sheet("A-Contributions", {**GIFT, "Tran_Amt1": 5}), kind="text/csv")
        town.etl()
        assert gifts(town) == [(5.0, "sheet")]


def test_a_site_says_what_is_possible_and_what_is_missing(town: Town) -> None:
    town.drop("a.csv", cal201({}))
    town.etl()
    result = CliRunner().invoke(app, ["sources", "elm.ca", "--json"])
    found = json.loads(result.stdout)
    loaded = {source["format"]: (source["files"], source["years"], source["rows"]) for source in found["sources"]}
    assert loaded == {"efile": (0, [], 0), "cal201": (1, [2023], 1)}
    assert 2024 in found["missing"]
    assert 2023 not in found["missing"]


def test_an_agency_that_is_no_site_yet_says_it_too(town: Town) -> None:
    result = CliRunner().invoke(app, ["sources", "sandiego.ca"])
    assert "NetFile agency CSD" in result.stdout
    assert "https://netfile.com/public/CSD/campaign" in result.stdout
    assert "workbook: NetFile's yearly workbooks (fetched); nothing loaded" in result.stdout
    without_netfile = CliRunner().invoke(app, ["sources", "longbeach.ca"]).stdout
    assert without_netfile.startswith("longbeach.ca: NetFile agency unknown")
    assert "efile: single e-filings" in without_netfile
    assert isinstance(CliRunner().invoke(app, ["sources", "nowhere.ca"]).exception, NotFoundError)
    assert town.subdomain not in result.stdout
