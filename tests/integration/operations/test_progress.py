"""How far a run is, how fast it goes and when it will end."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from clerk.database.clock import now
from clerk.database.tables import runs_table as runs
from clerk.database.tables import stages_table as stages
from clerk.database.transactions import transaction
from clerk_tasks.cli.main import main
from clerk_tasks.ledger.progress import run_progress, stage_progress
from tests.integration.operations.conftest import Enqueue

Capture = pytest.CaptureFixture[str]
MOMENT = datetime(2026, 1, 2, 12, tzinfo=UTC)


def stage(name: str, state: str, total: int = 0, remaining: int = 0, *, opened: float | None = None) -> dict[str, Any]:
    opened_at = None if opened is None else MOMENT - timedelta(minutes=opened)
    closed_at = None if state in ("open", "waiting") else MOMENT - timedelta(minutes=1)
    known = {"name": name, "state": state, "total": total, "remaining": remaining}
    return known | {"opened_at": opened_at, "closed_at": closed_at}


@pytest.mark.parametrize(
    ("found", "percent", "rate", "minutes"),
    [
        (stage("ocr", "open", 40, 30, opened=5), 25.0, 2.0, 15),
        (stage("ocr", "open", 40, 40, opened=5), 0.0, None, None),
        (stage("ocr", "open", 0, 0, opened=5), 0.0, None, None),
        (stage("ocr", "waiting", 7, 7), 0.0, None, None),
        (stage("ocr", "closed", 40, 0, opened=11), 100.0, 4.0, None),
    ],
)
def test_how_far_a_stage_is(found: dict[str, Any], percent: float, rate: float | None, minutes: int | None) -> None:
    end = None if minutes is None else MOMENT + timedelta(minutes=minutes)
    assert stage_progress(found, MOMENT) == (percent, rate, end)


def test_a_run_ends_with_its_last_stage_as_long_as_those_took_before() -> None:
    fetch, ocr = stage("fetch", "closed", 1, 0, opened=11), stage("ocr", "open", 40, 30, opened=5)
    deploy = stage("deploy", "waiting")
    found = run_progress([fetch, ocr, deploy], MOMENT, {"deploy": 120.0}, running=True)
    assert found == (41.7, 2.0, MOMENT + timedelta(minutes=17))
    assert run_progress([fetch, ocr, deploy], MOMENT, {}, running=True) == (41.7, 2.0, None)
    begun = stage("ocr", "open", 40, 40, opened=5)
    assert run_progress([begun], MOMENT, {"ocr": 600.0}, running=True).ends_at == MOMENT + timedelta(minutes=5)
    assert run_progress([begun], MOMENT, {"ocr": 60.0}, running=True).ends_at is None
    assert run_progress([fetch], MOMENT, {}, running=False) == (100.0, None, None)


def answer(capsys: Capture, *arguments: str) -> Any:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_runs_and_stages_have_their_progress(engine: Engine, enqueue: Enqueue, capsys: Capture) -> None:
    job = enqueue("fine")
    run = answer(capsys, "jobs", "show", job)["run_id"]
    with transaction(engine) as connection:
        values = {"total": 4, "remaining": 1, "opened_at": now(-60)}
        connection.execute(sa.update(stages).where(stages.c.run_id == run).values(values))
    shown = answer(capsys, "runs", "show", run)
    (only,) = shown["stages"]
    for found in (shown, only, answer(capsys, "runs", "list")[0], answer(capsys, "status")["runs"][0]):
        assert (found["percent"], found["rate"]) == (75.0, pytest.approx(3, abs=0.3))
        left = datetime.fromisoformat(found["ends_at"]) - datetime.now(UTC)
        assert left.total_seconds() == pytest.approx(20, abs=5)
    assert main(["runs", "show", run]) == 0
    assert "75 %" in capsys.readouterr().out


def test_status_shows_every_unfinished_run_of_a_site(engine: Engine, enqueue: Enqueue, capsys: Capture) -> None:
    """An older run that is at work was hidden by a newer one."""
    jobs = [enqueue("fine", name=name) for name in "abc"]
    ids = [answer(capsys, "jobs", "show", job)["run_id"] for job in jobs]
    with transaction(engine) as connection:
        connection.execute(sa.update(runs).where(runs.c.id == ids[1]).values(state="completed"))
    found = answer(capsys, "status", "--subdomain", "alameda.ca")
    assert {run["id"] for run in found["runs"]} == {ids[0], ids[2]}
    assert found["unfinished_runs"] == 2
    assert len(answer(capsys, "status", "--limit", "1")["runs"]) == 1
    assert main(["status", "--limit", "1"]) == 0
    assert "the newest 1 of the 2 unfinished runs" in capsys.readouterr().out
