"""Webhooks: what happened is delivered once, signed, again until it is taken, and not to the inside of the network."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from clerk.database.clock import now
from clerk.database.operator_tables import deliveries_table as deliveries
from clerk.database.states import RunState
from clerk.database.tables import jobs_table, runs_table, sites_table
from clerk.database.transactions import transaction
from clerk.settings import settings
from clerk_tasks.cli.main import main
from clerk_tasks.ledger.deliveries import MOST_DELIVERY_ATTEMPTS, wait
from clerk_tasks.operations.acts import list_acts
from clerk_tasks.schedules.notices import last_end_of_night
from devtools.json_answers import ANSWERS
from devtools.receiver import Receiver, receiver
from tests.integration.operations.conftest import Enqueue
from tests.integration.operations.test_health import look

pytestmark = pytest.mark.slow

Work = Callable[[str], None]
Capture = pytest.CaptureFixture[str]
Set = Callable[..., None]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch, engine: Engine) -> Set:
    """Set variables."""

    def call(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        settings.discard()

    return call


@pytest.fixture
def hook(configure: Set) -> Iterator[Receiver]:
    """A receiver that the settings name and allow."""
    with receiver() as made:
        configure(CLERK_WEBHOOKS_PRIVATE="1", CLERK_WEBHOOKS=made.url, CLERK_WEBHOOK_SECRET=SECRET)
        yield made


def deliver(capsys: Capture) -> dict[str, int]:
    capsys.readouterr()
    assert main(["webhooks", "deliver", "--json"]) == 0
    done: dict[str, int] = json.loads(capsys.readouterr().out)
    return done


def listed(capsys: Capture, *options: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["webhooks", "list", "--json", *options]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return rows


def make_due(engine: Engine) -> None:
    with transaction(engine) as connection:
        connection.execute(sa.update(deliveries).values(due_at=now(-1)))


@pytest.mark.every_database
def test_a_failed_run_and_its_new_cause_are_delivered_once_and_signed(
    hook: Receiver, enqueue: Enqueue, work: Work, capsys: Capture
) -> None:
    assert deliver(capsys)["found"] == 0
    job = enqueue("broken", why="page 7 is gone")
    work(job)
    assert deliver(capsys) == {"found": 2, "delivered": 2, "pending": 0, "given-up": 0}
    assert deliver(capsys)["found"] == 0
    failed, cause = sorted(hook.got, key=lambda received: received.json["type"] != "run.failed")
    assert (failed.method, failed.headers["content-type"]) == ("POST", "application/json")
    assert failed.is_signed_by(SECRET)
    assert cause.is_signed_by(SECRET)
    assert (
        failed.json["data"] | {"job": job, "subdomain": "alameda.ca", "error": "page 7 is gone"}
        == (failed.json["data"])
    )
    said = {"cause": "page … is gone", "job_type": "broken", "dead_letters": 1, "sites": ["alameda.ca"], "job": job}
    assert cause.json["type"] == "failure.new"
    assert cause.json["data"] | said == cause.json["data"]
    work(enqueue("broken", why="page 8 is gone"))
    deliver(capsys)
    assert hook.events().count("failure.new") == 1, "the second has the same cause"
    assert hook.events().count("run.failed") == 2
    assert {row["state"] for row in listed(capsys)} == {"delivered"}


def test_causes_of_before_are_no_news(
    hook: Receiver, enqueue: Enqueue, work: Work, engine: Engine, capsys: Capture
) -> None:
    work(enqueue("broken", why="the source is gone"))
    with transaction(engine) as connection:
        connection.execute(jobs_table.update().values(finished_at=now(-86400)))
        connection.execute(runs_table.update().values(finished_at=now(-90000)))
    work(enqueue("broken", why="the source is gone"))
    deliver(capsys)
    assert hook.events() == ["run.failed"]


def test_an_attempt_that_fails_is_made_again_and_holds_up_no_other_address(
    hook: Receiver, enqueue: Enqueue, work: Work, engine: Engine, configure: Set, capsys: Capture
) -> None:
    hook.status = 503
    with receiver() as other:
        configure(CLERK_WEBHOOKS=f"{hook.url} {other.url}#run.failed")
        for why in ("one", "two"):
            work(enqueue("broken", why=why))
        assert deliver(capsys) == {"found": 6, "delivered": 2, "pending": 1, "given-up": 0}
        assert (len(hook.got), other.events()) == (1, ["run.failed", "run.failed"])
    (row,) = [row for row in listed(capsys, "--state", "pending") if row["attempt"]]
    assert row["error"] == "the receiver answered 503"
    hook.status = 204
    make_due(engine)
    assert deliver(capsys)["delivered"] == 4
    again = [received.headers["webhook-id"] for received in hook.got]
    assert len(again) == 5
    assert len(set(again)) == 4, "the second attempt has the id of the first"


@pytest.mark.parametrize("status", [302, 500, 410])
def test_what_is_never_taken_is_given_up_and_health_says_so(
    hook: Receiver, enqueue: Enqueue, work: Work, engine: Engine, capsys: Capture, status: int
) -> None:
    hook.status = status
    work(enqueue("broken"))
    deliver(capsys)
    with transaction(engine) as connection:
        connection.execute(sa.update(deliveries).values(attempt=MOST_DELIVERY_ATTEMPTS - 1, due_at=now(-1)))
    for _ in range(2):
        deliver(capsys)
    assert {row["state"] for row in listed(capsys)} == {"given-up"}
    assert look(capsys)[1]["webhooks"][0][1].startswith("2 deliveries were given up in the last day")
    hook.status = 204
    row = listed(capsys)[0]
    assert main(["webhooks", "retry", row["id"]]) == 0
    assert deliver(capsys)["delivered"] == 1
    assert main(["webhooks", "retry", row["id"]]) == 4
    assert main(["webhooks", "retry", "x"]) == 3
    assert [(act["act"], act["what"], act["state"]) for act in list_acts()] == [
        ("retry", f"delivery {row['id']}", "done")
    ]


def test_the_waits_grow_to_hours_and_end_after_a_day_or_two() -> None:
    waits = [wait(attempt) for attempt in range(1, MOST_DELIVERY_ATTEMPTS)]
    assert waits[:3] == [10, 20, 40]
    assert waits == sorted(waits)
    assert 86400 < sum(waits) < 3 * 86400


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.1.2.3", "[::1]", "169.254.169.254"])
def test_an_address_inside_the_network_is_refused(configure: Set, capsys: Capture, host: str) -> None:
    configure(CLERK_WEBHOOKS=f"http://{host}:9/hook")
    assert main(["webhooks", "test"]) == 2
    said = capsys.readouterr().err
    assert "is inside this machine or network: CLERK_WEBHOOKS_PRIVATE=1 allows that" in said
    assert len(said.splitlines()) == 1


def test_a_name_that_leads_inside_is_refused_when_it_is_asked(
    configure: Set, enqueue: Enqueue, work: Work, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    with receiver() as hidden:
        # Another way to write 127.0.0.1.
        configure(CLERK_WEBHOOKS=hidden.url.replace("127.0.0.1", "2130706433"))
        work(enqueue("broken"))
        assert deliver(capsys) == {"found": 2, "delivered": 0, "pending": 0, "given-up": 1}
        (row,) = [row for row in listed(capsys) if row["error"]]
        assert "leads to the private address 127.0.0.1, which is not allowed" in row["error"]
        assert "CLERK_WEBHOOKS_PRIVATE=1 allows that" in row["error"]
        assert hidden.got == []


def test_a_published_site_is_put_to_civic_observer(
    hook: Receiver, engine: Engine, configure: Set, capsys: Capture
) -> None:
    with receiver() as observer:
        configure(CLERK_CIVIC_OBSERVER=f"{observer.url}/", CLERK_CIVIC_OBSERVER_SECRET="s3cret")
        deliver(capsys)
        with transaction(engine) as connection:
            published = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
            values = {"pages": 12, "last_updated": "2026-11-27T08:00:00", "last_deployed": published, "kind": "city"}
            connection.execute(sa.update(sites_table).values(values | {"country": "US", "lat": "37.8", "lng": ""}))
        deliver(capsys)
        deliver(capsys)
        (put,) = observer.got
        assert (put.method, put.path) == ("PUT", "/munis/api/update/alameda.ca/")
        assert put.headers["authorization"] == "Bearer s3cret"
        assert put.json == {
            "name": "Alameda",
            "state": "CA",
            "country": "USA",
            "kind": "city",
            "pages": 12,
            "last_updated": "2026-11-27",
            "latitude": 37.8,
        }
        (event,) = hook.got
        assert event.json["type"] == "site.published"
        assert (
            event.json["data"] | {"subdomain": "alameda.ca", "pages": 12, "database": "meetings"}
            == (event.json["data"])
        )


def test_a_night_that_is_not_over_in_time_is_delivered_once(
    hook: Receiver, enqueue: Enqueue, engine: Engine, configure: Set, capsys: Capture
) -> None:
    configure(CLERK_NIGHT_ENDS=datetime.now(UTC).strftime("%H:%M"))
    job = enqueue("fine")
    deliver(capsys)
    assert hook.got == [], "it began just now"
    with transaction(engine) as connection:
        connection.execute(runs_table.update().values(created_at=now(-3 * 3600)))
    for _ in range(2):
        deliver(capsys)
    (event,) = hook.got
    assert (event.json["type"], event.json["data"]["unfinished"]) == ("night.unfinished", 1)
    assert [run["subdomain"] for run in event.json["data"]["runs"]] == ["alameda.ca"], job
    with transaction(engine) as connection:
        connection.execute(sa.update(runs_table).values(state=RunState.COMPLETED))
        connection.execute(sa.delete(deliveries))
    assert deliver(capsys)["found"] == 0


@pytest.mark.parametrize(
    ("text", "now_at", "ends"),
    [
        ("07:00 UTC", "2026-11-28T08:00", "2026-11-28T07:00"),
        ("07:00 UTC", "2026-11-28T06:59", "2026-11-27T07:00"),
        ("07:00 America/New_York", "2026-07-01T11:30", "2026-07-01T11:00"),
        ("07:00 America/New_York", "2026-01-10T11:30", "2026-01-09T12:00"),
    ],
)
def test_when_the_last_night_ended(text: str, now_at: str, ends: str) -> None:
    current, expected = (datetime.fromisoformat(moment).replace(tzinfo=UTC) for moment in (now_at, ends))
    assert last_end_of_night(text, current) == expected


def test_the_keys_of_json(hook: Receiver, enqueue: Enqueue, work: Work, capsys: Capture) -> None:
    hook.status = 500
    work(enqueue("broken"))
    assert list(deliver(capsys)) == ANSWERS["webhooks deliver"][1].split()
    row = listed(capsys)[0]
    assert list(row) == ANSWERS["webhooks list"][1].split()
    assert main(["webhooks", "retry", row["id"], "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == ANSWERS["webhooks retry"][1].split()
    assert main(["webhooks", "test", "--json"]) == 1
    assert list(json.loads(capsys.readouterr().out)[0]) == ANSWERS["webhooks test"][1].split()


def test_the_addresses_are_tried(hook: Receiver, capsys: Capture) -> None:
    assert main(["webhooks", "test"]) == 0
    assert hook.events() == ["test"]
    hook.status = 500
    assert main(["webhooks", "test"]) == 1
    assert "the receiver answered 500" in capsys.readouterr().out
    assert listed(capsys) == []


BAD = [
    ("CLERK_WEBHOOKS", "example.org/hook", "CLERK_WEBHOOKS: not a web address"),
    ("CLERK_WEBHOOKS", "https://example.org/#run.broken", "no such event: run.broken; there are run.failed, "),
    ("CLERK_WEBHOOK_SECRET", "whsec_!", "CLERK_WEBHOOK_SECRET: what follows whsec_ is not base64"),
    ("CLERK_CIVIC_OBSERVER", "http://localhost/", "localhost is inside this machine or network"),
    ("CLERK_NIGHT_ENDS", "7", "not a time of day; "),
    ("CLERK_NIGHT_ENDS", "07:00 Nowhere", "not a time zone; "),
]


@pytest.mark.parametrize(("variable", "value", "reason"), BAD)
def test_bad_settings_are_named(configure: Set, capsys: Capture, variable: str, value: str, reason: str) -> None:
    configure(**{variable: value})
    assert main(["webhooks", "deliver"]) == 2
    assert reason in capsys.readouterr().err


def test_without_an_address_there_is_nothing_to_do(configure: Set, capsys: Capture) -> None:
    for command in ("deliver", "test"):
        assert main(["webhooks", command]) == 2
        assert "CLERK_WEBHOOKS names no address" in capsys.readouterr().err
    assert main(["webhooks", "list", "--state", "lost"]) == 2
