"""A row that another program damaged hides no other row: it is shown, named, and mended or removed."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import runs_table as runs
from clerk.database.tables import schedule_slots_table as slots
from clerk.database.tables import stages_table as stages
from clerk.database.tables import workers_table as workers
from clerk.database.transactions import reading, transaction
from clerk_tasks.cli.main import main
from clerk_tasks.operations.doctor import diagnose
from tests.integration.operations.conftest import Enqueue

_AT = "2026-11-28 01:00:00.000"
#: What is written into the job, its run, a worker or a slot, and the kind of row that is named for it.
DAMAGE = {
    "arguments": ("UPDATE jobs SET arguments = '{broken'", "job"),
    "bytes": ("UPDATE jobs SET arguments = x'ff00'", "job"),
    "a list": ("UPDATE jobs SET arguments = '[1]'", "job"),
    "result": ("UPDATE jobs SET result = '{broken'", "job"),
    "priority": ("UPDATE jobs SET priority = 7", "job"),
    "time": ("UPDATE jobs SET created_at = 'yesterday', due_at = 'now'", "job"),
    "numbers": ("UPDATE jobs SET attempt = 'x', max_attempts = 'three', time_limit = 'long', pid = 'p'", "job"),
    "a count": ("UPDATE stages SET total = 'many', failed = 'few'", "stage"),
    "state": ("UPDATE jobs SET state = 'weird'", "job"),
    "options": ("UPDATE runs SET options = '{broken'", "run"),
    "stage": ("UPDATE stages SET opened_at = 'yesterday'", "stage"),
    "worker": (
        f"INSERT INTO workers VALUES ('i', 'h', 1, '1', '[', '[]', 1, '{_AT}', '9999-01-01', NULL, NULL, 0)",
        "worker",
    ),
    "since": ("INSERT INTO pauses VALUES ('site', 'alameda.ca', 'r', 'b', 'yesterday', NULL)", "pause"),
    "until": (f"INSERT INTO pauses VALUES ('host', 'h', 'r', 'b', '{_AT}', 'tomorrow')", "pause"),
    "slot": (f"INSERT INTO schedule_slots VALUES ('meetings-next-site', '{_AT}', 'x', '[', NULL, '{_AT}')", "slot"),
}
#: What PostgreSQL, too, can be made to hold.
ANYWHERE = {"a list", "priority", "state"}


def damage(engine: Engine, statement: str) -> None:
    with transaction(engine) as connection:
        connection.exec_driver_sql(statement)


def unreadable() -> list[str]:
    return [each.damage.kind for each in diagnose(fix=False) if each.damage.kind.startswith("unreadable")]


@pytest.mark.every_database
@pytest.mark.slow
@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_row_hides_nothing_and_can_be_mended(
    enqueue: Enqueue, engine: Engine, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if engine.dialect.name == "postgresql" and name not in ANYWHERE:
        pytest.skip("PostgreSQL refuses to hold it")
    job = enqueue("fine")
    assert (unreadable(), main(["db", "check"])) == ([], 0)
    statement, kind = DAMAGE[name]
    damage(engine, statement)
    with reading(engine) as connection:
        run = connection.execute(sa.select(jobs.c.run_id)).scalar_one()
    for words in (
        *(["jobs", "list"], ["jobs", "show", job], ["runs", "list"], ["runs", "show", run], ["status"]),
        *(["why", job], ["why", "alameda.ca"], ["schedule", "list"], ["pauses"], ["workers"], ["failures"]),
    ):
        assert main(words) == 0, (words, capsys.readouterr())
    assert main(["health"]) in (1, 2)
    assert main(["doctor"]) == 1
    assert "a bug" not in capsys.readouterr().err
    assert main(["db", "check"]) == 1
    assert f"unreadable {kind} " in capsys.readouterr().err
    assert unreadable() == [f"unreadable {kind}"]
    diagnose(fix=True)
    assert (unreadable(), main(["db", "check"])) == ([], 0)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # PostgreSQL keeps no such row
def test_a_job_without_its_arguments_is_cancelled_and_keeps_them_to_be_read(
    enqueue: Enqueue, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    job = enqueue("fine")
    damage(engine, "UPDATE jobs SET arguments = '{broken'")
    assert main(["jobs", "show", job, "--json"]) == 0
    shown: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (shown["arguments"], shown["note"][:13]) == (None, "its arguments")
    diagnose(fix=True)
    main(["jobs", "show", job, "--json"])
    shown = json.loads(capsys.readouterr().out)
    assert (shown["arguments"], shown["state"]) == ({"unreadable": "{broken"}, "cancelled")
    with reading(engine) as connection:
        assert connection.execute(sa.select(runs.c.state)).scalar_one() == "cancelled"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # PostgreSQL keeps no such row
def test_rows_of_workers_and_slots_that_cannot_be_read_are_deleted(enqueue: Enqueue, engine: Engine) -> None:
    enqueue("fine")
    for name in ("worker", "slot"):
        damage(engine, DAMAGE[name][0])
    diagnose(fix=True)
    with reading(engine) as connection:
        for table in (workers, slots):
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # PostgreSQL keeps no such row
def test_rows_of_completed_jobs_are_read_when_that_is_asked_for(
    enqueue: Enqueue, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    """There may be millions: it takes longer than an operator wants to wait."""
    job = enqueue("fine")
    with transaction(engine) as connection:
        connection.execute(sa.update(stages).values(state="closed", remaining=0))
        connection.execute(sa.update(runs).values(state="completed"))
    damage(engine, "UPDATE jobs SET state = 'completed', arguments = '{broken'")
    assert (main(["db", "check"]), unreadable()) == (0, [])
    capsys.readouterr()
    assert main(["db", "check", "--every-row"]) == 1
    assert f"unreadable job {job}: arguments cannot be read; `clerk-tasks doctor --fix --every-row` mends it." in (
        capsys.readouterr().err
    )
    main(["doctor", "--fix", "--every-row", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert [each["mended"] for each in found if each["subject"] == job] == [True]
    assert main(["db", "check", "--every-row"]) == 0
