"""`top`: what the system does now, and how fast."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
import sqlalchemy as sa
from rich.console import Console
from sqlalchemy import Engine

from clerk.database.clock import now
from clerk.database.tables import jobs_table as jobs
from clerk.database.transactions import transaction
from clerk_tasks.cli.main import main
from clerk_tasks.cli.screen import screen
from clerk_tasks.operations.overview import overview
from devtools.json_answers import ANSWERS
from tests.integration.operations.conftest import Enqueue
from tests.integration.operations.test_workers import register

Capture = pytest.CaptureFixture[str]


def set_running(engine: Engine, job: str, **values: Any) -> None:
    running = {"state": "running", "attempt": 1, "instance": "a", "pid": 70, "started_at": now(-90)}
    with transaction(engine) as connection:
        connection.execute(sa.update(jobs).where(jobs.c.id == job).values(running | values))


def test_what_each_worker_does_and_for_how_long(engine: Engine, enqueue: Enqueue, work: Any, capsys: Capture) -> None:
    running, broken = enqueue("fine"), enqueue("broken")
    enqueue("fine", name="waits")
    work(broken)
    register(engine, "a")
    set_running(engine, running, note="page 3\x1b[31m")
    capsys.readouterr()
    assert main(["top", "--interval", "0", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert " ".join(found) == ANSWERS["top"][1]
    for key in ("queues", "workers", "runs", "failures"):
        assert " ".join(found[key][0]) == ANSWERS[f"top, {key}"][1]
    (doing,) = found["workers"][0]["jobs"]
    assert (doing["id"], doing["job_type"], doing["note"]) == (running, "fine", "page 3\x1b[31m")
    assert doing["seconds"] == pytest.approx(90, abs=10)
    assert [queue["per_minute"] for queue in found["queues"]] == [None]
    assert (found["failures"][0]["dead_letters"], found["unfinished_runs"]) == (1, 2)
    assert main(["top", "--interval", "0"]) == 0
    printed = capsys.readouterr().out
    assert "page 3\\x1b[31m" in printed
    assert max(map(len, printed.splitlines())) <= 100


def test_a_rate_counts_what_ended_between_two_looks(engine: Engine, enqueue: Enqueue, work: Any) -> None:
    """Also a job that was added in between, unless it waits."""
    first = [enqueue("fine", name=str(number)) for number in range(3)]
    _, sample = overview()
    later = enqueue("fine", name="later")
    enqueue("fine", name="waits")
    for job in (first[0], first[1], later):
        work(job)
    found, after = overview(sample)
    (queue,) = found["queues"]
    seconds = (after.moment - sample.moment).total_seconds()
    assert queue["per_minute"] == pytest.approx(3 * 60 / seconds, rel=0.01)
    assert queue["available"] == 2


def test_a_screen_shows_it_all_and_no_control_character(engine: Engine, enqueue: Enqueue) -> None:
    register(engine, "a")
    set_running(engine, enqueue("fine"), note="page 3\x1b[31m")
    console = Console(file=StringIO(), force_terminal=True, width=100, height=50, color_system=None)
    with screen(console) as draw:
        draw(overview()[0])
    drawn = console.file.getvalue()  # type: ignore[attr-defined]
    for said in ("1 workers, 1 jobs running", "box/7", "fine", "page 3\\x1b[31m", "Nothing failed in the last hour."):
        assert said in drawn
