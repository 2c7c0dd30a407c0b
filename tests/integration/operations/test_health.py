"""`health` exits 0, 1 or 2 whatever is wrong, and says what."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from clerk.application import application
from clerk.database.clock import now
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import workers_table as workers
from clerk.database.transactions import transaction
from clerk_tasks.cli.main import main
from clerk_tasks.ledger import leases
from tests.integration.operations.conftest import Enqueue, make_read_only

Found = dict[str, list[tuple[str, str]]]


def look(capsys: pytest.CaptureFixture[str]) -> tuple[int, Found]:
    """Return the exit code, and {check: [(level, detail)]}."""
    capsys.readouterr()
    code = main(["health", "--json"])
    found: Found = {}
    for row in json.loads(capsys.readouterr().out)["checks"]:
        found.setdefault(row["check"], []).append((row["level"], row["detail"]))
    return code, found


@pytest.mark.parametrize(
    ("variable", "value", "detail"),
    [
        ("DATABASE_URL", "nonsense", "DATABASE_URL is not a database address"),
        ("DATABASE_URL", "sqlite:///nowhere.db", "There is no database nowhere.db"),
        ("DATABASE_URL", "postgresql://me:hunter2@127.0.0.1:1/x", "me:***@127.0.0.1"),
        ("CLERK_LEASE", "long", "CLERK_LEASE='long'"),
        (
            "BROKER_URL",
            "redis://me:hunter2 x@h:port",
            "BROKER_URL: not a broker's address: its host or port is malformed",
        ),
    ],
)
def test_what_cannot_be_used_is_down(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, variable: str, value: str, detail: str
) -> None:
    monkeypatch.setenv(variable, value)
    code, found = look(capsys)
    assert (code, list(found)) == (2, ["database"])
    ((level, told),) = found["database"]
    assert level == "down"
    assert detail in told
    assert "hunter2" not in told


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_broker_that_cannot_be_reached_is_down_and_the_rest_is_told(
    engine: Engine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER_URL", "redis://127.0.0.1:1/0")
    application.close()
    code, found = look(capsys)
    assert (code, found["broker"][0][0], found["database"][0][0]) == (2, "down", "ok")
    assert found["worker"][0][0] == "attention"


def test_what_nobody_serves(engine: Engine, enqueue: Enqueue, capsys: pytest.CaptureFixture[str]) -> None:
    enqueue("fine")
    code, found = look(capsys)
    assert (code, found["broker"][0][0]) == (1, "attention")
    advice = "default: 1 available, 0 waiting, 0 running; no worker serves it: start `clerk-tasks worker default`."
    assert ("attention", advice) in found["queue"]
    facts = {"hostname": "box", "pid": 7, "version": "0", "queues": ["default"], "job_types": [], "concurrency": 1}
    with transaction(engine) as connection:
        leases.register_worker(connection, instance="a", **facts)
    _, found = look(capsys)
    assert ("ok", "default: 1 available, 0 waiting, 0 running") in found["queue"]
    assert found["worker"] == [("ok", "box process 7: default (-c 1)")]


def test_a_worker_that_missed_its_heartbeats_and_a_queue_that_is_behind(
    engine: Engine, enqueue: Enqueue, capsys: pytest.CaptureFixture[str]
) -> None:
    busy = enqueue("fine", name="busy")
    enqueue("fine")
    facts = {"hostname": "box", "pid": 7, "version": "0", "queues": ["default"], "job_types": [], "concurrency": 1}
    with transaction(engine) as connection:
        leases.register_worker(connection, instance="a", **facts)
        begun = {"state": "running", "attempt": 1, "instance": "a", "pid": 8, "lease_until": now(600)}
        connection.execute(sa.update(jobs).where(jobs.c.id == busy).values(begun))
    for minutes, level in ((14, "ok"), (16, "attention")):
        with transaction(engine) as connection:
            connection.execute(sa.update(jobs).values(due_at=now(-60 * minutes)))
        (row,) = [row for row in look(capsys)[1]["queue"] if row[1].startswith("default:")]
        assert (row[0], "the oldest has waited for 16 min" in row[1]) == (level, level == "attention")
    for seconds, level in ((-10, "ok"), (-20, "attention"), (60, "attention")):
        with transaction(engine) as connection:
            connection.execute(sa.update(workers).values(seen_at=now(seconds)))
        assert [row[0] for row in look(capsys)[1]["worker"]] == [level], seconds


def test_jobs_that_wait_beside_an_idle_worker(
    engine: Engine, enqueue: Enqueue, capsys: pytest.CaptureFixture[str]
) -> None:
    """Guard: `_idle`: a worker that takes nothing was ok until the oldest job had waited for a quarter of an hour."""
    enqueue("fine")
    facts = {"hostname": "box", "pid": 7, "version": "0", "queues": ["default"], "job_types": [], "concurrency": 2}
    with transaction(engine) as connection:
        leases.register_worker(connection, instance="a", **facts)
    for seconds, level in ((50, "ok"), (70, "attention")):
        with transaction(engine) as connection:
            connection.execute(sa.update(jobs).values(due_at=now(-seconds)))
        (row,) = [row for row in look(capsys)[1]["queue"] if row[1].startswith("default:")]
        assert (row[0], "beside 2 idle children of box process 7" in row[1]) == (level, level == "attention")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_plugin_that_is_set_aside(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    Path("plugins/broken.py").write_text("raise OSError('gone')")
    application.close()
    code, found = look(capsys)
    assert code == 1
    assert "OSError: gone" in found["plugin"][0][1]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_read_only_database_is_down_and_its_metrics_are_there(
    engine: Engine, enqueue: Enqueue, work: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """After a failover, say: `health` called it ok, and `metrics --once` wanted to fold what has ended."""
    work(enqueue("fine"))
    with transaction(engine) as connection:
        connection.execute(sa.update(jobs).values(finished_at=now(-60)))  # to be folded
    assert look(capsys)[1]["database"][0][0] == "ok"
    make_read_only(engine)
    application.close()
    code, found = look(capsys)
    assert (code, list(found), found["database"][0][0]) == (2, ["database"], "down")
    assert "is read-only: a standby, or a server after a failover" in found["database"][0][1]
    assert main(["metrics", "--once"]) == 0
    assert "clerk_jobs_total{" in capsys.readouterr().out
