"""What is paused is not claimed, scheduled or fetched; everything else goes on, and each place says why."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from clerk import pauses
from clerk.database.clock import now
from clerk.database.held import HeldConnection
from clerk.database.tables import pauses_table
from clerk.database.transactions import transaction
from clerk.sites.finance import next_finance_sites
from clerk.sites.rows import insert_site, take_oldest_sites, update_site
from clerk_tasks.broker.publisher import Publisher
from clerk_tasks.cli.main import main
from clerk_tasks.job_types.registry import registry
from clerk_tasks.ledger import queries
from clerk_tasks.ledger.publications import Waiting
from clerk_tasks.operations.listing import show_job
from clerk_tasks.worker.children import Children
from clerk_tasks.worker.relay import Relay
from devtools import claiming
from devtools.services import free_port
from tests.integration.operations.conftest import Enqueue
from tests.integration.operations.test_why import said

Capture = pytest.CaptureFixture[str]
PAUSES = [("site", "alameda.ca"), ("queue", "default"), ("type", "fine"), ("all", None)]


def pause(kind: str, name: str | None, *options: str) -> int:
    named = [] if name is None else [name]
    return main(["pause", kind, *named, "--reason", "the city asked us to", *options])


def resume(kind: str, name: str | None) -> int:
    return main(["resume", kind, *([] if name is None else [name])])


@pytest.fixture
def worker(engine: Engine) -> Iterator[Callable[[], None]]:
    """A worker of queue default: each call is a pass of its relay, then a slice of its child."""
    children = Children()
    held = HeldConnection(engine)
    executor = claiming.executor(held, instance="w", pid=os.getpid(), children=children)
    waiting = Waiting(["default"], registry().job_types)
    publisher = Publisher(f"redis://127.0.0.1:{free_port()}/0")  # no broker: the test has the child take its slice
    relay = Relay(held, publisher, waiting, renewal=10.0, served=["default"], paused_changed=children.pauses_changed)

    def turn() -> None:
        relay.look()
        executor.run_slice("default")
        with held.statement() as connection:
            paused = relay.waiting.paused
            assert bool(relay.waiting(connection)) == queries.has_work(
                connection, ["default"], sorted(registry().job_types), paused
            ), "after a slice, whatever is left is published, and a burst waits for it"

    yield turn
    held.close()
    children.close()


@pytest.mark.parametrize(("kind", "name"), PAUSES)
def test_what_is_paused_is_not_claimed_and_says_why(
    engine: Engine, enqueue: Enqueue, worker: Callable[[], None], capsys: Capture, kind: str, name: str | None
) -> None:
    worker()
    job = enqueue("fine")
    assert pause(kind, name) == 0
    worker()
    assert show_job(job)["state"] == "available"
    what = "everything" if kind == "all" else f"{kind} {name}"
    assert f"{what} is paused by" in said(job)
    assert "the city asked us to" in said(job)
    capsys.readouterr()
    main(["health", "--json"])
    checks = [check for check in json.loads(capsys.readouterr().out)["checks"] if check["check"] == "pause"]
    assert [(check["level"], check["detail"].endswith("(1 jobs wait)")) for check in checks] == [("ok", True)]
    capsys.readouterr()
    assert resume(kind, name) == 0
    assert capsys.readouterr().out == f"{what} is resumed.\n"
    worker()
    assert show_job(job)["state"] == "completed"
    assert "paused" not in said(job)


def test_what_is_not_paused_goes_on(engine: Engine, enqueue: Enqueue, worker: Callable[[], None]) -> None:
    """Guard: each kind of pause is a condition of its own."""
    with transaction(engine) as connection:
        insert_site(connection, {"subdomain": "brook.ca", "name": "B", "state": "CA"})
    pause("type", "fine")
    pause("site", "brook.ca")
    held, goes_on = enqueue("fine"), enqueue("parent", children=[])
    worker()
    assert [show_job(job)["state"] for job in (held, goes_on)] == ["available", "completed"]


def test_a_pause_ends_by_itself(engine: Engine, enqueue: Enqueue, worker: Callable[[], None], capsys: Capture) -> None:
    job = enqueue("fine")
    assert pause("site", "alameda.ca", "--for", "2h") == 0
    worker()
    assert show_job(job)["state"] == "available"
    with transaction(engine) as connection:
        connection.execute(sa.update(pauses_table).values(until=now(-1)))
    worker()
    assert show_job(job)["state"] == "completed"
    capsys.readouterr()
    assert main(["pauses"]) == 0
    assert "Nothing is paused." in capsys.readouterr().err
    assert pause("site", "alameda.ca") == 0, "one that has ended is no hindrance"


def test_the_list_says_who_why_until_when_and_how_many_wait(enqueue: Enqueue, capsys: Capture) -> None:
    for _ in range(2):
        enqueue("parent", children=[])
    pause("site", "alameda.ca", "--for", "1d")
    pause("host", "legistar.com")
    capsys.readouterr()
    assert main(["pauses", "--json"]) == 0
    site, host = json.loads(capsys.readouterr().out)
    assert (site["kind"], site["name"], site["reason"], site["waiting"]) == (
        *("site", "alameda.ca"),
        *("the city asked us to", 2),
    )
    assert site["by"]
    assert site["until"] > site["since"]
    assert (host["kind"], host["until"], host["waiting"]) == ("host", None, None)


@pytest.mark.parametrize(
    ("command", "code", "reason"),
    [
        (["pause", "site", "alameda.ca"], 2, "Give a --reason"),
        (["pause", "town", "x", "--reason", "r"], 2, "'town' cannot be paused: name one of site, host"),
        (["pause", "site", "--reason", "r"], 2, "Name the site."),
        (["pause", "all", "x", "--reason", "r"], 2, "`all` takes no name."),
        (["pause", "site", "nowhere.ca", "--reason", "r"], 3, "nowhere.ca"),
        (["pause", "queue", "nothing", "--reason", "r"], 3, "Unknown queue 'nothing'. Known: "),
        (["pause", "type", "nothing", "--reason", "r"], 3, "nothing"),
        (["pause", "schedule", "nothing", "--reason", "r"], 3, "Unknown schedule 'nothing'"),
        (["pause", "host", "https://a.ca/", "--reason", "r"], 2, "is no host"),
        (["pause", "site", "alameda.ca", "--reason", "r", "--for", "soon"], 2, "'soon' is no duration"),
        (["pause", "site", "alameda.ca", "--reason", "r", "--until", "2020-01-01"], 2, "2020-01-01 is past"),
        (["resume", "site", "alameda.ca"], 3, "site alameda.ca is not paused"),
        (["resume", "all"], 3, "everything is not paused"),
    ],
)
def test_what_cannot_be_meant_pauses_nothing(
    engine: Engine, capsys: Capture, command: list[str], code: int, reason: str
) -> None:
    assert main(command) == code
    assert reason in capsys.readouterr().err
    assert main(["pauses", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_pause_of_what_is_paused_says_by_whom(engine: Engine, capsys: Capture) -> None:
    pause("site", "alameda.ca")
    assert main(["pause", "site", "alameda.ca", "--reason", "another"]) == 4
    error = capsys.readouterr().err
    assert "site alameda.ca is paused by" in error
    assert "the city asked us to" in error


@pytest.mark.parametrize(("kind", "name", "left"), [("site", "alameda.ca", ["brook.ca"]), ("all", "everything", [])])
def test_a_paused_site_has_no_turn(engine: Engine, kind: str, name: str, left: list[str]) -> None:
    """Guard: not_paused, for meetings and for finance."""
    finance: dict[str, Any] = {"scraper": "legistar", "has_finance_data": True}
    with transaction(engine) as connection:
        insert_site(connection, {"subdomain": "brook.ca", "name": "B", "state": "CA", **finance})
        update_site(connection, "alameda.ca", finance)
        pauses.pause(connection, kind, name, reason="r", by="a test", seconds=None)
        assert _turns(connection) == (left, left)


def _turns(connection: Connection) -> tuple[list[str], list[str]]:
    return take_oldest_sites(connection, 5), next_finance_sites(connection, 5)
