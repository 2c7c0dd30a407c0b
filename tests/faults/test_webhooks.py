"""Beat delivers what happened to webhooks: also after the receiver, or beat itself, was away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from clerk.database.transactions import transaction
from devtools.processes import Program, wait_for
from devtools.receiver import Receiver, receiver
from devtools.source_history import had_news
from devtools.system import SITE, System


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiver() as made:
        monkeypatch.setenv("CLERK_WEBHOOKS", made.url)
        monkeypatch.setenv("CLERK_WEBHOOKS_PRIVATE", "1")
        monkeypatch.setenv("CLERK_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        yield made


def start_beat(system: System) -> Program:
    beat = system.programs.clerk("beat")
    beat.wait_for_log("tarting", deadline=40)
    return beat


def wait_for_event(system: System, hook: Receiver, event: str) -> None:
    wait_for(lambda: event in hook.events(), event, deadline=40, logs=system.programs.logs)


@pytest.mark.fault("F29")
def test_a_silent_source_is_delivered(hook: Receiver, every_database: System) -> None:
    system = every_database
    with transaction(system.engine) as connection:
        had_news(connection, SITE, range(60, 20, -1))
    beat = start_beat(system)
    wait_for_event(system, hook, "source.silent")
    (silent,) = [received for received in hook.got if received.json["type"] == "source.silent"]
    data = silent.json["data"]
    assert (data["subdomain"], data["usual_days"], round(data["silent_days"])) == (SITE, 1.0, 21)
    assert silent.is_signed_by("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert beat.terminate() == 0, beat.log
    start_beat(system)
    worker = system.worker()
    failed = system.enqueue("hasty")
    assert system.wait_for_end(failed) == ["discarded"], worker.log
    wait_for_event(system, hook, "run.failed")
    assert hook.events().count("source.silent") == 1, "also by another beat, it is delivered once"


@pytest.mark.fault("F29")
def test_what_happens_while_beat_and_receiver_are_away_is_delivered(hook: Receiver, system: System) -> None:
    hook.status = 503
    beat = start_beat(system)
    wait_for(lambda: "notices_seen_at" in keys(system), "beat has looked", deadline=30, logs=system.programs.logs)
    beat.kill()
    system.worker()
    assert system.wait_for_end(system.enqueue("hasty")) == ["discarded"]
    start_beat(system)
    wait_for(lambda: hook.got, "a first attempt", deadline=40, logs=system.programs.logs)
    hook.status = 200
    wait_for(lambda: len({each.headers["webhook-id"] for each in hook.got}) == 2, "both arrive", deadline=60)
    wait_for_event(system, hook, "failure.new")
    wait_for_event(system, hook, "run.failed")


def keys(system: System) -> list[str]:
    with system.engine.connect() as connection:
        return list(connection.execute(sa.text("SELECT key FROM clerk_meta")).scalars())
