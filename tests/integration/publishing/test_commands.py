"""`clerk-tasks publish …`, as an operator types it."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from clerk.acts import newest_acts
from clerk.database.transactions import reading
from clerk_tasks.cli.main import main
from devtools.cities import City
from plugins.local_publish.shelf import locked


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def run(sqlite_url: str, city: City, capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run `clerk-tasks publish` with these arguments; oakland.ca is a site."""
    from clerk.database.transactions import transaction
    from clerk.sites.rows import insert_site

    with transaction() as connection:
        insert_site(connection, {"subdomain": city.subdomain, "name": "Oakland"})

    def call(*arguments: str) -> Result:
        code = main(["publish", *arguments])
        out, err = capfd.readouterr()
        return Result(code, out, err)

    return call


Run = Callable[..., Result]


def test_publish_list_and_go_back(run: Run, city: City) -> None:
    for text in ("one", "two"):
        city.compile(text)
        assert run("now", city.subdomain).out.startswith("meetings.db: published, 000")
    assert (city.published.parent / "sites.db").exists()
    newest, oldest = run("list", city.subdomain, "--json").json
    assert (newest["live"], oldest["live"]) == (True, False)
    assert (newest["rows"], newest["run_id"], newest["database"]) == (1, "by-hand", "meetings.db")
    back = run("rollback", city.subdomain)
    assert back.out == f"oakland.ca meetings.db: readers see {oldest['version']} again\n"
    assert city.read() == ["one"]
    shown = run("list", city.subdomain).out.splitlines()
    assert [line.split()[:2] for line in shown] == [[newest["version"], "meetings.db"], ["*", oldest["version"]]]
    assert [line.split()[:3] for line in run("list").out.splitlines()] == [
        [city.subdomain, newest["version"], "meetings.db"],
        ["*", city.subdomain, oldest["version"]],
    ]
    assert "meetings.db: withdrawn" in run("now", city.subdomain).out
    assert run("rollback", city.subdomain, "--to", newest["version"], "--json").json["version"] == newest["version"]
    assert city.read() == ["two"]
    with reading() as connection:
        done = [(act["act"], act["what"]) for act in newest_acts(connection, before=None, limit=None)]
    assert done == [("rollback", f"meetings of oakland.ca to {each['version']}") for each in (newest, oldest)]


def test_less_is_published_when_told_to(run: Run, city: City) -> None:
    city.compile(*"abcdefghij")
    run("now", city.subdomain)
    city.compile("a")
    refused = run("now", city.subdomain)
    assert (refused.code, refused.out) == (1, "")
    assert "has 1 rows after 10: look into it, or accept that with --accept-shrink" in refused.err
    accepted = run("now", city.subdomain, "--accept-shrink", "--json")
    assert [row["outcome"] for row in accepted.json] == ["published", "missing"]
    assert city.read() == ["a"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("now", "nowhere.ca"), 3, "no site 'nowhere.ca'"),
        (("now", "../x"), 2, "bad subdomain"),
        (("list", "A B"), 2, "bad subdomain"),
        (("rollback", "oakland.ca"), 3, "publish it first"),
        (("rollback", "oakland.ca", "--database", "other"), 2, "meetings or election_finance"),
    ],
)
def test_what_cannot_be_done_is_explained(run: Run, arguments: tuple[str, ...], code: int, says: str) -> None:
    result = run(*arguments)
    assert (result.code, result.out) == (code, "")
    assert says in result.err
    assert result.err.count("\n") == 1


def test_nothing_published_is_an_empty_list(run: Run, city: City) -> None:
    assert run("list", city.subdomain, "--json").json == []
    assert run("list", city.subdomain).err == "nothing is published of oakland.ca\n"


def test_while_a_job_publishes_the_command_says_so(run: Run, city: City) -> None:
    city.compile("one")
    run("now", city.subdomain)
    with locked(city.published):
        busy = run("rollback", city.subdomain)
    assert busy.code == 4
    assert "try again in a moment" in busy.err


def test_without_a_folder_the_variable_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from clerk.settings import settings

    monkeypatch.delenv("CLERK_PUBLISH_DIR")
    settings.discard()
    for command in ("now", "list", "rollback"):
        result = run(command, "oakland.ca")
        assert result.code == 2
        assert "CLERK_PUBLISH_DIR is not set" in result.err


def test_publish_index_names_what_is_served(run: Run, city: City) -> None:
    city.compile("one")
    run("now", city.subdomain)
    (city.published.parent / "all-cities.db").unlink()
    assert run("index").out == "oakland-ca-meetings\n"
    assert run("index", "--json").json == ["oakland-ca-meetings"]


def test_serving_on_an_address_that_is_taken_is_an_error_with_advice(run: Run, city: City) -> None:
    assert "datasette.yaml does not exist: publish first" in run("serve").err
    city.compile("one")
    run("now", city.subdomain)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = run("serve", "--port", port)
    assert (refused.code, refused.out) == (1, "")
    assert f"cannot listen on 127.0.0.1:{port}" in refused.err
    assert "choose another --port" in refused.err
