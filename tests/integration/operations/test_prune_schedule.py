"""Beat prunes by a schedule of our own, which a setting adjusts or switches off."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from clerk.database.clock import database_time, now
from clerk.database.tables import runs_table as runs
from clerk.database.tables import schedule_slots_table as slots_table
from clerk.database.transactions import transaction
from clerk.plugin.loader import quarantined
from clerk.settings import settings
from clerk_tasks.cli.main import main
from clerk_tasks.schedules import declared, maintenance, slots
from devtools.plugin_files import write_plugin
from tests.integration.operations.conftest import Enqueue
from tests.integration.operations.test_prune import Work, age, rows


@pytest.fixture
def old(engine: Engine, enqueue: Enqueue, work: Work) -> list[str]:
    """Return jobs whose runs ended 400, 100 and 10 days ago."""
    ended = []
    for days in (400, 100, 10):
        ended.append(enqueue("fine", name=str(days)))
        work(ended[-1])
        age(engine, ended[-1], days=days)
    return ended


def tick(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    capsys.readouterr()
    assert main(["schedule", "tick", "prune-ledger", "--json"]) == 0
    (fired,) = json.loads(capsys.readouterr().out)
    return dict(fired)


def listed(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, object]]:
    capsys.readouterr()
    assert main(["schedule", "list", "--json"]) == 0
    return {row["name"]: row for row in json.loads(capsys.readouterr().out)}


def test_what_is_older_than_a_year_goes_by_default(
    old: list[str], engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    fired = tick(capsys)
    assert (fired["fate"], fired["job_ids"]) == ("done", [])
    assert fired["detail"] == "deleted 1 runs, 1 stages, 1 jobs of more than 365 days ago"
    assert rows(engine)["jobs"] == 2
    row = listed(capsys)["prune-ledger"]
    assert (row["last_fate"], row["last_detail"]) == ("done", fired["detail"])
    assert str(tick(capsys)["detail"]).startswith("deleted nothing")


@pytest.mark.usefixtures("old")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_setting_says_how_old(
    engine: Engine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLERK_PRUNE_DAYS", "30")
    settings.discard()
    assert "more than 30 days ago" in str(listed(capsys)["prune-ledger"]["description"])
    tick(capsys)
    assert rows(engine)["jobs"] == 1


@pytest.mark.usefixtures("old")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_zero_switches_it_off(
    engine: Engine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLERK_PRUNE_DAYS", "0")
    settings.discard()
    assert "prune-ledger" not in listed(capsys)
    assert main(["schedule", "tick", "prune-ledger"]) == 3
    assert rows(engine)["jobs"] == 3


@pytest.mark.usefixtures("old")
def test_a_slot_that_fell_due_while_no_beat_ran_is_done_once(engine: Engine) -> None:
    with transaction() as connection:
        began = database_time(connection) - timedelta(days=3)
        slots._decide(connection, slots.Fired("prune-ledger", began, "began"))
    fates = [fired.fate for fired in slots.tick() if fired.schedule == "prune-ledger"]
    assert (set(fates[:-1]), fates[-1]) == ({"missed"}, "done")
    assert rows(engine)["jobs"] == 2
    assert [fired for fired in slots.tick() if fired.schedule == "prune-ledger"] == []


@pytest.mark.usefixtures("old")
def test_what_it_has_no_time_for_is_left_for_the_next_slot(
    engine: Engine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guard: `give_up`: beat fires no schedule while it prunes."""
    monkeypatch.setattr("clerk_tasks.ledger.prune.BATCH", 1)
    monkeypatch.setattr(maintenance, "PRUNE_PATIENCE", 0.0)
    with transaction() as connection:
        connection.execute(sa.update(runs).values(created_at=now(-86400 * 401), finished_at=now(-86400 * 400)))
    assert str(tick(capsys)["detail"]).endswith("; the rest is for the next slot")
    assert rows(engine)["jobs"] == 2


@pytest.mark.usefixtures("old")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_failure_is_the_slots_fate(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    with transaction() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER keep BEFORE DELETE ON runs BEGIN SELECT RAISE(ABORT, 'runs are kept'); END"
        )
    assert tick(capsys)["fate"] == "failed"
    assert "runs are kept" in str(listed(capsys)["prune-ledger"]["last_detail"])
    with transaction() as connection:
        assert connection.execute(sa.select(slots_table.c.fate)).scalars().all() == ["failed"]


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_plugin_cannot_take_its_name() -> None:
    write_plugin(
        Path("plugins/taker.py"),
        """
from clerk import Schedule

class Taker:
    @hookimpl
    def register_schedules(self):
        return [Schedule("prune-ledger", "1 1 1 1 *", lambda connection: [])]
""",
    )
    assert declared.gather()["prune-ledger"].cron == maintenance.PRUNE_CRON
    (entry,) = quarantined()
    assert "is clerk-tasks' own" in entry.error
