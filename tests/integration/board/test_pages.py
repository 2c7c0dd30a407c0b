"""Every page begins with its answer, has the JSON of the command that it names, and obeys nothing that a city wrote."""

from __future__ import annotations

import json
import shlex
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from clerk.plugin.loader import forget_plugins
from clerk.settings import settings
from clerk_tasks.board.pages import PAGES
from clerk_tasks.cli.main import main
from clerk_tasks.operations.listing import show_job
from tests.integration.board.conftest import Connect

PAGE_PLUGIN = """
from clerk import BoardPage, BoardTable, hookimpl

def content(parameters):
    return [f"{parameters['of']} has two shelves.", BoardTable(["Shelf", "Books"], [["<script>", 2]])]

class Shelves:
    @hookimpl
    def register_board_pages(self):
        return [BoardPage("shelves", "Shelves", content)]
"""
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
#: Elements and attributes that run something, or load it from elsewhere.
RUNS = {"iframe", "object", "embed", "base"}


class Seen(HTMLParser):
    """Collects what a page would run or fetch, its sentence and its command."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.runs: list[str] = []
        self.sentence = self.command = ""
        self._into: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.runs += [tag] if tag in RUNS else []
        self.runs += [name for name in given if name.startswith("on") or name == "style"]
        for name in ("src", "href", "action", "formaction"):
            if name in given and not (given[name].startswith(("/", "#")) and not given[name].startswith("//")):
                self.runs.append(f"{tag} {name}={given[name]}")
        if tag == "script" and "src" not in given:
            self.runs.append("inline script")
        if tag == "p" and "answer" in given.get("class", "").split():
            self._into = "sentence"
        if tag == "code":
            self._into = "command"

    def handle_data(self, data: str) -> None:
        if self._into == "sentence":
            self.sentence += data
        elif self._into == "command":
            self.command = data

    def handle_endtag(self, tag: str) -> None:
        self._into = None


def addresses(story: dict[str, str]) -> list[str]:
    names = {"subdomain": "alameda.ca", "job_id": story["dead"], "run_id": show_job(story["dead"])["run_id"]}
    ours = [page for page in PAGES if "{page}" not in page.path]
    return [*(page.path.format(**names) for page in ours), "/sites/hostile.ca"]


@SQLITE
@pytest.mark.slow
def test_every_page_answers_and_its_twin_is_what_the_command_prints(
    board: httpx.Client, story: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    for address in addresses(story):
        page = board.get(address)
        assert page.status_code == 200, (address, page.text)
        seen = Seen(page.text)
        assert seen.sentence.strip().endswith((".", "…", ")")) or address.startswith("/failures"), address
        twin = board.get(f"/json{address}")
        assert twin.headers["content-type"] == "application/json"
        capsys.readouterr()
        main([*shlex.split(seen.command)[1:], "--json"])
        printed = json.loads(capsys.readouterr().out)
        assert keys(twin.json()) == keys(printed), (address, seen.command)


def keys(value: object) -> object:
    """Return the names within an answer."""
    if isinstance(value, dict):
        return {name: keys(each) for name, each in value.items()}
    if isinstance(value, list):
        return [keys(each) for each in value[:1]]
    return ""


@SQLITE
def test_what_a_city_wrote_runs_nothing_and_steers_nothing(board: httpx.Client, story: dict[str, str]) -> None:
    for address in addresses(story):
        text = board.get(address).text
        assert Seen(text).runs == [], address
        assert not {"\x1b", "\u202e"} & set(text), address
    log, title = f"/jobs/{story['dead']}", "/sites/hostile.ca"
    for address in ("/sites", "/failures", log, title):
        assert "&lt;script&gt;alert" in board.get(address).text, address
    assert "OUTPUT" in board.get(log).text
    assert "CityCouncil" in board.get(title).text


@SQLITE
def test_no_secret_is_shown(board: httpx.Client, story: dict[str, str]) -> None:
    for address in (f"/jobs/{story['waits']}", f"/json/jobs/{story['waits']}"):
        text = board.get(address).text
        assert "***" in text
        assert "hunter2" not in text


@SQLITE
def test_arguments_are_hidden_by_a_setting(
    connect: Connect, story: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert '"why"' in connect().get(f"/json/jobs/{story['dead']}").text
    monkeypatch.setenv("CLERK_BOARD_ARGUMENTS", "hide")
    settings.discard()
    board = connect()
    for job in story.values():
        for address in (f"/jobs/{job}", f"/json/jobs/{job}"):
            text = board.get(address).text
            assert '"why"' not in text
            assert '"name"' not in text
            assert "hidden by CLERK_BOARD_ARGUMENTS" in text
    assert board.get("/jobs?arg=name=x").status_code == 404


@SQLITE
def test_the_search_finds_sites_jobs_and_runs(board: httpx.Client, story: dict[str, str]) -> None:
    run = show_job(story["done"])["run_id"]
    found = {
        text: board.get("/search", params={"q": text}).headers["location"]
        for text in ("alameda.ca", story["done"], run)
    }
    assert found == {"alameda.ca": "/sites/alameda.ca", story["done"]: f"/jobs/{story['done']}", run: f"/runs/{run}"}
    assert board.get("/search?q=oak").headers["location"] == "/sites?name=oak"


@SQLITE
def test_what_is_not_there_is_said_in_a_line(board: httpx.Client) -> None:
    for address in ("/nope", "/jobs/018f", "/sites/no.ca", "/runs/x", "/jobs?queue=none"):
        assert board.get(address).status_code == 404, address
        assert set(board.get(f"/json{address}").json()) == {"error"}
    assert board.get("/jobs?since=soon").status_code == 400


@SQLITE
def test_jobs_are_filtered_by_the_address(board: httpx.Client, story: dict[str, str]) -> None:
    found = board.get("/json/jobs", params={"state": "discarded", "error_like": "onerror"}).json()
    assert [job["id"] for job in found] == [story["dead"]]
    page = board.get("/jobs?state=discarded").text
    assert "1 job matches --state discarded." in page


@SQLITE
def test_a_plugin_brings_a_page_which_cannot_run_anything(board: httpx.Client) -> None:
    Path("plugins/shelves.py").write_text(PAGE_PLUGIN)
    forget_plugins()
    page = board.get("/plugins/shelves?of=<b>x</b>")
    assert Seen(page.text).runs == []
    assert Seen(page.text).sentence == "<b>x</b> has two shelves."
    assert 'href="/plugins/shelves" aria-current="page"' in page.text
    assert board.get("/json/plugins/shelves?of=x").json()[1]["rows"] == [["<script>", 2]]
    assert board.get("/plugins/none").status_code == 404


@SQLITE
def test_a_page_that_cannot_be_read_says_so_behind_the_same_headers(board: httpx.Client, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE acts RENAME TO acts_no_more")
    for address in ("/acts", "/json/acts"):
        answer = board.get(address)
        assert answer.status_code == 503
        assert "db upgrade" in answer.text
        assert "content-security-policy" in answer.headers
    assert board.get("/jobs").status_code == 200


@SQLITE
def test_an_answer_waits_for_no_acknowledgement(board: httpx.Client) -> None:
    """Without TCP_NODELAY each one takes 40 ms."""
    fastest = min(board.get("/static/icon.svg").elapsed for _ in range(20))
    assert fastest < timedelta(milliseconds=30)
