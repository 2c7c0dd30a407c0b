"""`workers`: who is alive, what each does, and how it differs from this program."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from clerk import __version__
from clerk.database.clock import now
from clerk.database.tables import jobs_table, workers_table
from clerk.database.transactions import transaction
from clerk_tasks.cli.main import main
from clerk_tasks.ledger import leases, pool_sizes
from clerk_tasks.operations.acts import list_acts
from tests.integration.operations.conftest import Enqueue

Capture = pytest.CaptureFixture[str]
KNOWN = ["broken", "fine", "limited", "mistaken", "parent"]


def register(engine: Engine, instance: str, **facts: Any) -> None:
    of_default = {"hostname": "box", "pid": 7, "version": __version__, "queues": ["default"], "job_types": KNOWN}
    with transaction(engine) as connection:
        leases.register_worker(connection, instance=instance, **of_default | {"concurrency": 2} | facts)


def listed(capsys: Capture) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["workers", "--json"]) == 0
    workers: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return workers


def test_each_worker_that_is_alive_and_what_it_runs(engine: Engine, enqueue: Enqueue, capsys: Capture) -> None:
    job = enqueue("fine")
    register(engine, "a")
    register(engine, "stopped", pid=8)
    register(engine, "silent", pid=9)
    with transaction(engine) as connection:
        leases.worker_stopped(connection, "stopped")
        connection.execute(sa.update(workers_table).where(workers_table.c.pid == 9).values(seen_at=now(-60)))
        connection.execute(sa.update(workers_table).where(workers_table.c.pid == 7).values(started_at=now(-3600)))
        running = {"state": "running", "attempt": 1, "instance": "a", "pid": 70, "lease_until": now(600)}
        connection.execute(sa.update(jobs_table).where(jobs_table.c.id == job).values(running))
    (worker,) = listed(capsys)
    assert worker["up"] == pytest.approx(3600, abs=30)
    assert 0 <= worker["silent"] < 30
    expected = {"worker": "box/7", "pools": ["default"], "queues": ["default"], "running": 1, "concurrency": 2}
    assert worker | expected | {"skew": None, "version": __version__} == worker
    assert main(["workers"]) == 0
    assert "1 of 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("facts", "skew"),
    [
        ({"version": "0.1"}, f"version 0.1, here {__version__}"),
        ({"job_types": ["fine", "parent"]}, "does not know broken, limited, mistaken"),
        ({"job_types": [*KNOWN, "newer"]}, "knows newer, unknown here"),
        (
            {"queues": ["finance"], "job_types": KNOWN},
            "does not know finance-etl, finance-extract, finance-load, finance-transform",
        ),
    ],
)
def test_how_a_worker_differs_is_said(engine: Engine, capsys: Capture, facts: dict[str, Any], skew: str) -> None:
    register(engine, "a", **facts)
    assert [worker["skew"] for worker in listed(capsys)] == [skew]


def test_without_a_worker_it_says_what_to_start(engine: Engine, capsys: Capture) -> None:
    assert listed(capsys) == []
    assert main(["workers"]) == 0
    assert "No worker is running: start `clerk-tasks worker`" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["box/7", "box", "default", "a", "--all"])
def test_a_worker_is_asked_to_drain_once(engine: Engine, capsys: Capture, name: str) -> None:
    register(engine, "a")
    register(engine, "elsewhere", hostname="other", pid=8, queues=["finance"])
    assert main(["workers", "drain", name, "--timeout", "10m"]) == 0
    said = set(capsys.readouterr().out.splitlines())
    assert said == {"box/7 drains"} | ({"other/8 drains"} if name == "--all" else set())
    assert {worker["worker"]: worker["draining"] for worker in listed(capsys)} == {
        "box/7": True,
        "other/8": name == "--all",
    }
    with transaction(engine) as connection:
        assert leases.worker_seen(connection, "a") == (True, 600.0)
    assert main(["workers", "drain", name]) == 4
    assert "drains already." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        ([], 2, "Name a worker, a host or a pool, or drain every worker with --all."),
        (["box", "--all"], 2, "Name a worker"),
        (["nowhere"], 3, "No worker 'nowhere'. Known: box/7."),
        (["box", "--timeout", "soon"], 2, "'soon' is no duration"),
    ],
)
def test_what_cannot_be_drained(engine: Engine, capsys: Capture, options: list[str], code: int, reason: str) -> None:
    register(engine, "a")
    assert main(["workers", "drain", *options]) == code
    assert reason in capsys.readouterr().err
    assert [worker["draining"] for worker in listed(capsys)] == [False]


def test_the_size_of_a_pools_workers_is_kept_until_it_is_reset(engine: Engine, capsys: Capture) -> None:
    register(engine, "a")
    register(engine, "elsewhere", hostname="other", pid=8, queues=["finance"])
    assert main(["workers", "scale", "default", "5", "--reason", "a large site"]) == 0
    assert capsys.readouterr().out == "box/7 runs 2, soon 5 jobs at a time\n"
    assert {worker["worker"]: worker["scaled_to"] for worker in listed(capsys)} == {"box/7": 5, "other/8": None}
    with transaction(engine) as connection:
        assert pool_sizes.wanted_size(connection, "a", ["default"]) == (2, 5)
        assert pool_sizes.wanted_size(connection, "a", ["fetch"]) == (2, None)
        pool_sizes.record_size(connection, "a", 5)
    assert main(["workers"]) == 0
    assert "0 of 5 " in capsys.readouterr().out
    assert main(["workers", "scale", "default", "3"]) == 0
    assert main(["workers", "scale", "default", "--reset"]) == 0
    assert [worker["scaled_to"] for worker in listed(capsys)] == [None, None]
    assert [(act["act"], act["what"], act["reason"]) for act in list_acts()][::-1] == [
        ("scale", "pool default to 5 jobs at a time", "a large site"),
        ("scale", "pool default to 3 jobs at a time", None),
        ("scale", "pool default to its own size", None),
    ]


@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        (["default"], 2, "Give the number of jobs at a time, or --reset."),
        (["default", "3", "--reset"], 2, "Give the number"),
        (["default", "0"], 2, "A worker runs 1 to 1024 jobs at a time; `clerk-tasks pause queue` stops a queue."),
        (["default", "2000"], 2, "1 to 1024"),
        (["nowhere", "3"], 3, "nowhere"),
        (["default", "--reset"], 4, "Pool default is not scaled."),
    ],
)
def test_what_cannot_be_scaled(engine: Engine, capsys: Capture, options: list[str], code: int, reason: str) -> None:
    register(engine, "a")
    assert main(["workers", "scale", *options]) == code
    assert reason in capsys.readouterr().err
    assert [worker["scaled_to"] for worker in listed(capsys)] == [None]
    assert list_acts() == []


def test_a_pool_that_no_worker_serves_is_scaled_for_those_that_start(engine: Engine, capsys: Capture) -> None:
    assert main(["workers", "scale", "default", "3"]) == 0
    assert "No worker of pool default is running" in capsys.readouterr().err
