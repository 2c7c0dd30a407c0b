"""What an operator does about single documents, and about those that are owed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clerk.fetching.failure_notes import owed_file, write_note
from clerk.fetching.fetch_state import FetchState, Record
from clerk.fetching.layout import Layout
from clerk.fetching.withdrawal import is_taken_down, mark_withdrawn
from clerk.paths import site_dir
from clerk.sites.admin import NewSite, add_site
from clerk_tasks.cli.main import main
from clerk_tasks.operations.listing import list_jobs, show_job
from devtools.json_answers import ANSWERS
from tests.integration.fetching.conftest import TODAY

pytestmark = pytest.mark.usefixtures("sqlite_url")

SITE = "millbrook.ca"
COUNCIL = ("minutes", "Council", "2024-01-02")


@pytest.fixture
def layout() -> Layout:
    """Add two sites; return the folder of the first."""
    for name in (SITE, "other.ca"):
        add_site(NewSite(subdomain=name, name="Millbrook", state="CA", scraper="legistar", extra={"client": "x"}))
    return Layout(site_dir(SITE))


def run(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out or "null")


def put(layout: Layout, place: tuple[str, str, str]) -> Path:
    """Leave a document's text and the mark that it was read."""
    text, processed = layout.text(*place) / "1.txt", layout.processed(*place)
    for file in (text, processed):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("words")
    return text


def test_what_is_owed_and_withdrawn_is_listed(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "documents", "list", SITE) == []
    write_note(layout, COUNCIL, {"reason": "HTTP 500"})
    owed_file(layout).write_text(json.dumps([("agenda", "Zoning", "2024-01-03")]))
    mark_withdrawn(layout, ("minutes", "Zoning", "2024-01-04"), TODAY)
    found = run(capsys, "documents", "list", SITE)
    assert list(found[0]) == ANSWERS["documents list"][1].split()
    assert [tuple(row.values()) for row in found] == [
        ("agenda", "Zoning", "2024-01-03", "", "owed", ""),
        (*COUNCIL, "", "owed", "HTTP 500"),
        ("minutes", "Zoning", "2024-01-04", "", "withdrawn", f"since {TODAY}"),
    ]
    run(capsys, "documents", "list", "nowhere.ca", code=3)


def test_every_document_is_listed_with_its_title(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    put(layout, COUNCIL)
    waiting, owed = ("agenda", "Council", "2024-01-02.2"), ("minutes", "Zoning", "2024-01-04")
    layout.pdf(*waiting).parent.mkdir(parents=True)
    layout.pdf(*waiting).write_bytes(b"%PDF-1.4")
    owed_file(layout).write_text(json.dumps([owed]))
    titles = {"7/minutes": COUNCIL, "7/agenda/addendum": waiting, "8/minutes": owed}
    state = FetchState(records={key: Record("/".join(place[1:]), title=key) for key, place in titles.items()})
    (layout.root / "fetch_state_insite.json").write_text(state.dump())
    assert [(*row.values(),) for row in run(capsys, "documents", "list", SITE, "--all")] == [
        (*owed, "8/minutes", "owed", ""),
        (*waiting, "7/agenda/addendum", "waiting", ""),
        (*COUNCIL, "7/minutes", "read", ""),
    ]
    assert len(run(capsys, "documents", "list", SITE)) == 1


def test_a_document_is_fetched_again(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    job = run(capsys, "documents", "refetch", SITE, *COUNCIL)
    assert job.keys() >= set(ANSWERS["documents refetch"][1].split())
    asked = {"start_date": "2024-01-02", "end_date": "2024-01-02", "again": [list(COUNCIL)], "all_agendas": True}
    assert (job["job_type"], show_job(job["id"])["arguments"].items() >= asked.items()) == ("fetch-site", True)
    run(capsys, "documents", "refetch", SITE, "video", *COUNCIL[1:], code=2)


def test_a_document_is_taken_down(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    text = put(layout, COUNCIL)
    job = run(capsys, "documents", "withdraw", SITE, *COUNCIL)
    assert job["job_type"] == "db-compilation"
    assert not text.exists()
    assert is_taken_down(layout, COUNCIL)
    assert run(capsys, "documents", "list", SITE)[0]["state"] == "taken down"
    run(capsys, "documents", "withdraw", SITE, "minutes", "Nothing", "2024-01-02", code=3)


def test_refetching_takes_back_that_it_was_taken_down(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    mark_withdrawn(layout, COUNCIL, TODAY)
    run(capsys, "documents", "refetch", SITE, *COUNCIL)
    assert not is_taken_down(layout, COUNCIL)
    assert run(capsys, "documents", "list", SITE) == []


def test_every_site_that_owes_something_is_updated(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "update", "--owed") is None
    write_note(layout, COUNCIL, {"reason": "HTTP 500"})
    run(capsys, "update", "--owed")
    (job,) = list_jobs(job_type="fetch-site")
    assert (job["subdomain"], show_job(job["id"])["arguments"]["owed"]) == (SITE, True)


@pytest.mark.parametrize(
    "options",
    [
        ("--start-date", "soon"),
        ("--start-date", "2024-01-02", "--all-years"),
        ("--end-date", "2024-01-02", "--skip-fetch"),
        ("--owed", "--from", "ocr"),
        ("--owed", "--finance"),
        ("--start-date", "2024-01-02", "--finance"),
    ],
)
def test_options_that_say_what_to_fetch_are_checked(
    layout: Layout, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    run(capsys, "update", "--subdomain", SITE, *options, code=2)
    assert list_jobs() == []


def test_a_misspelt_scraper_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("sites", "add", "x.ca", "--name", "X", "--state", "CA", "--scraper", "legistarr")
    assert main(list(options)) == 2
    assert "no plugin has a fetcher for label 'legistarr' of site x.ca" in capsys.readouterr().err
    assert run(capsys, *options, "--force")["scraper"] == "legistarr"
