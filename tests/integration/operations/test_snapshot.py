"""`ops snapshot` writes what the ledger says into one file, without secrets, with queries that Datasette runs."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from clerk.application import application
from clerk.database.tables import jobs_table
from clerk.database.transactions import reading
from clerk_tasks.cli.main import main
from tests.integration.operations.conftest import Enqueue

Work = Callable[[str], None]
FILE = Path("operations.db")


def ask(sql: str, **values: str) -> list[Any]:
    with closing(sqlite3.connect(FILE)) as connection:
        return connection.execute(sql, values).fetchall()


@pytest.fixture
def history(enqueue: Enqueue, work: Work) -> None:
    """A job that was done, one that failed, one that waits, and an act."""
    work(enqueue("fine"))
    work(enqueue("broken", why="cannot reach https://ann:hunter2@example.org"))
    enqueue("fine", name="waits")
    assert main(["pause", "site", "alameda.ca", "--reason", "r"]) == 0


@pytest.mark.every_database
@pytest.mark.usefixtures("history")
def test_the_file_has_what_the_ledger_has(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["ops", "snapshot", str(FILE), "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert counts == {"runs": 3, "jobs": 3, "attempts": 1, "slots": 0, "workers": 0, "acts": 1}
    with reading(engine) as connection:
        known = connection.execute(sa.select(jobs_table.c.id, jobs_table.c.state)).all()
    assert sorted(ask("SELECT id, state FROM jobs")) == sorted(map(tuple, known))
    assert ask("SELECT act, what FROM acts") == [("pause", "site alameda.ca")]
    assert b"hunter2" not in FILE.read_bytes()
    assert FILE.stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("history")
def test_each_stored_query_answers() -> None:
    assert main(["ops", "snapshot", str(FILE)]) == 0
    (database,) = json.loads(FILE.with_suffix(".metadata.json").read_text())["databases"].values()
    answers = {name: ask(query["sql"], subdomain="alameda.ca") for name, query in database["queries"].items()}
    assert {name for name, rows in answers.items() if not rows} == {"slots_by_fate"}
    ((_, jobs, unsuccessful, chart),) = answers["jobs_per_day"]
    assert (jobs, unsuccessful, chart) == (2, 1, "█" * 30)
    assert [row[:2] for row in answers["failures_by_error"]] == [
        ("broken", "cannot reach https://ann:***@example.org"),
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("history")
def test_datasette_serves_the_stored_queries() -> None:
    assert main(["ops", "snapshot", str(FILE)]) == 0
    metadata = json.loads(FILE.with_suffix(".metadata.json").read_text())
    served = pytest.importorskip("datasette.app").Datasette([str(FILE)], metadata=metadata)

    async def get() -> dict[str, Any]:
        names = metadata["databases"]["operations"]["queries"]
        return {name: await served.client.get(f"/operations/{name}?subdomain=alameda.ca") for name in names}

    pages = asyncio.run(get())
    assert {page.status_code for page in pages.values()} == {200}
    assert "█" in pages["jobs_per_day"].text
    assert "alameda.ca" in pages["runs_of_a_site"].text


@pytest.mark.usefixtures("history")
def test_arguments_that_the_board_hides_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLERK_BOARD_ARGUMENTS", "hide")
    application.close()
    assert main(["ops", "snapshot", str(FILE)]) == 0
    columns = {row[1] for row in ask("PRAGMA table_info(jobs)")}
    assert "error" in columns
    assert columns.isdisjoint({"arguments", "result"})


@pytest.mark.usefixtures("history")
def test_only_an_earlier_snapshot_is_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert main(["ops", "snapshot", str(FILE)]) == 0
    other = Path("other.db")
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    before = other.read_bytes()
    assert main(["ops", "snapshot", str(other)]) == 4
    assert "other.db" in capsys.readouterr().err
    assert other.read_bytes() == before
    assert main(["ops", "snapshot", "nowhere/operations.db"]) == 2
    assert list(Path().glob(".operations*")) == []
