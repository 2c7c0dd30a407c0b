"""`clerk-tasks sites`, as an operator types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clerk.database import transactions
from clerk.paths import site_dir
from clerk_tasks.cli.main import main
from clerk_tasks.ledger.insert import NewJob, NewStage
from clerk_tasks.ledger.runs import record_run
from tests.integration.db import samples

pytestmark = pytest.mark.usefixtures("sqlite_url")

Capture = pytest.CaptureFixture[str]
ADD = ["--name", "Alameda", "--state", "ca"]

PLUGIN = '''
"""Keeps what it is told beside itself."""
from pathlib import Path

from clerk import db, hookimpl


class Watching:
    @hookimpl
    def fetcher_extra(self, label):
        return {"client": "alameda", "é": 1} if label == "legistar" else None

    @hookimpl
    def post_create(self, subdomain):
        with db.reading() as connection:
            found = db.get_site_by_subdomain(connection, subdomain)
        Path("told.txt").write_text(f"{subdomain} {found['name']}")


class Broken:
    @hookimpl
    def fetcher_extra(self, label):
        raise RuntimeError("broken extra")

    @hookimpl
    def post_create(self, subdomain):
        raise RuntimeError("broken create")
'''


@pytest.fixture
def plugin() -> None:
    Path("plugins").mkdir()
    Path("plugins/watching.py").write_text(PLUGIN)


def shown(subdomain: str, capsys: Capture) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["sites", "show", subdomain, "--json"]) == 0
    site: dict[str, Any] = json.loads(capsys.readouterr().out)
    return site


@pytest.mark.usefixtures("database_url")
def test_everything_that_is_said_of_a_site_is_recorded(capsys: Capture) -> None:
    options = ["--kind", "county", "--scraper", "legistar", "--start-year", "2015", "--lat", "37.77", "--lng=-122.24"]
    extra = ["--finance", "--extra", '{"netfile_agency": "COAK"}']

    assert main(["sites", "add", "alameda.ca", *ADD, *options, *extra]) == 0

    site = shown("alameda.ca", capsys)
    expected = {
        "subdomain": "alameda.ca",
        "name": "Alameda",
        "state": "CA",
        "country": "US",
        "kind": "county",
        "scraper": "legistar",
        "start_year": 2015,
        "lat": "37.77",
        "lng": "-122.24",
        "has_finance_data": True,
        "finance_last_updated": None,
        "last_updated": None,
        "status": "new",
    }
    assert {name: site[name] for name in expected} == expected
    assert json.loads(site["extra"]) == {"netfile_agency": "COAK"}
    assert len(site) == 45


@pytest.mark.usefixtures("plugin")
def test_plugins_supply_extra_and_hear_of_the_site_once_it_is_there(capsys: Capture) -> None:
    assert main(["sites", "add", "alameda.ca", *ADD, "--scraper", "legistar", "--json"]) == 0

    assert json.loads(json.loads(capsys.readouterr().out)["extra"]) == {"client": "alameda", "é": 1}
    assert Path("told.txt").read_text() == "alameda.ca Alameda"


@pytest.mark.usefixtures("plugin")
def test_extra_that_is_given_is_not_asked_for(capsys: Capture) -> None:
    assert main(["sites", "add", "a.ca", *ADD, "--scraper", "legistar", "--extra", "{}"]) == 0

    assert shown("a.ca", capsys)["extra"] == "{}"


@pytest.mark.usefixtures("database_url")
def test_a_taken_subdomain_is_exit_4_and_changes_nothing(capsys: Capture) -> None:
    assert main(["sites", "add", "a.ca", *ADD]) == 0
    assert main(["sites", "add", "a.ca", "--name", "Other", "--state", "NV"]) == 4

    assert "site 'a.ca' is there already" in capsys.readouterr().err
    assert shown("a.ca", capsys)["name"] == "Alameda"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["../x", *ADD], "bad subdomain"),
        (["A B", *ADD], "bad subdomain"),
        (["", *ADD], "bad subdomain"),
        (["a.ca", "--name", " ", "--state", "CA"], "name is empty"),
        (["a.ca", "--name", "A"], "--state"),
        (["a.ca", *ADD, "--extra", "{not json"], "--extra is not JSON"),
        (["a.ca", *ADD, "--extra", "[1]"], "--extra must be a JSON object"),
        (["a.ca", *ADD, "--extra", '{"a": NaN}'], "--extra is not JSON: NaN"),
        (["a.ca", *ADD, "--lat", "91"], "lat"),
        (["a.ca", *ADD, "--start-year", "soon"], "start-year"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_bad_argument_is_exit_2_and_records_nothing(arguments: list[str], says: str, capsys: Capture) -> None:
    assert main(["sites", "add", *arguments]) == 2

    output = capsys.readouterr()
    assert says in output.err
    assert main(["sites", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_list_is_by_subdomain_and_readable_by_awk(capsys: Capture) -> None:
    for subdomain in ("b.ca", "a.ca"):
        main(["sites", "add", subdomain, *ADD])
    capsys.readouterr()

    assert main(["sites", "list"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["SUBDOMAIN", "NAME", "STATE"],
        ["a.ca", "Alameda", "CA"],
        ["b.ca", "Alameda", "CA"],
    ]


def test_remove_keeps_files_and_history(sqlite_url: str, capsys: Capture) -> None:
    main(["sites", "add", "a.ca", *ADD])
    samples.execute(sqlite_url, "INSERT INTO site_progress (subdomain) VALUES ('a.ca'), ('gone.tx')")
    site_dir("a.ca").mkdir(parents=True)
    record_job("a.ca")
    samples.execute(sqlite_url, "UPDATE jobs SET state = 'completed'")

    assert main(["sites", "remove", "a.ca", "--dry-run"]) == 0
    assert shown("a.ca", capsys)
    assert main(["sites", "remove", "a.ca", "--yes"]) == 0

    left = samples.snapshot(sqlite_url)
    assert (left["sites"], len(left["jobs"]), len(left["runs"])) == ([], 1, 1)
    assert [row["subdomain"] for row in left["site_progress"]] == ["gone.tx"]
    assert site_dir("a.ca").is_dir()


def test_remove_waits_for_unfinished_jobs(capsys: Capture) -> None:
    main(["sites", "add", "a.ca", *ADD])
    job_id = record_job("a.ca")

    assert main(["sites", "remove", "a.ca", "--yes"]) == 4

    assert job_id in capsys.readouterr().err
    assert shown("a.ca", capsys)


def test_remove_does_not_ask_where_nobody_can_answer(capsys: Capture) -> None:
    main(["sites", "add", "a.ca", *ADD])

    assert main(["sites", "remove", "a.ca"]) == 2

    assert "--yes" in capsys.readouterr().err
    assert shown("a.ca", capsys)


@pytest.mark.parametrize("command", [["show", "x.ca"], ["remove", "x.ca"], ["remove", "x.ca", "--yes"]], ids=" ".join)
def test_an_unknown_site_is_exit_3(command: list[str], capsys: Capture) -> None:
    assert main(["sites", *command]) == 3

    assert "no site 'x.ca'" in capsys.readouterr().err


def record_job(subdomain: str) -> str:
    stage = NewStage(name="all", jobs=[NewJob(job_type="finance-etl", subdomain=subdomain)])
    with transactions.transaction() as connection:
        recorded = record_run(connection, "run-1", subdomain=subdomain, pipeline="finance-etl", new_stages=[stage])
    return recorded.job_ids[0]
