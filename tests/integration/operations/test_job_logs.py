"""`jobs logs`: what an attempt has said, as far as the ledger has it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from clerk.database.tables import attempt_logs_table
from clerk.database.transactions import transaction
from clerk_tasks.cli.main import main
from clerk_tasks.ledger import attempt_logs
from clerk_tasks.ledger.attempt_logs import Line, LogPart
from devtools.json_answers import ANSWERS
from tests.integration.operations.conftest import Enqueue

Capture = pytest.CaptureFixture[str]
AT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


def write(engine: Engine, job: str, first: int, *texts: str, attempt: int = 1, keep: int | None = None) -> None:
    part = LogPart(first, [Line(AT, "INFO", text) for text in texts], 1)
    with transaction(engine) as connection:
        attempt_logs.append(connection, job, attempt, [part], keep=keep)


def test_the_lines_of_an_attempt_in_order(engine: Engine, enqueue: Enqueue, work: object, capsys: Capture) -> None:
    job = enqueue("fine")
    work(job)  # type: ignore[operator]
    write(engine, job, 0, "gone")
    write(engine, job, 1, "first", "a\ttab")
    write(engine, job, 3, "\x1b[31mred", keep=1)
    capsys.readouterr()
    assert main(["jobs", "logs", job, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert " ".join(found) == ANSWERS["jobs logs"][1]
    assert " ".join(found["lines"][0]) == ANSWERS["jobs logs, lines"][1]
    assert [line["text"] for line in found["lines"]] == ["first", "a\ttab", "\x1b[31mred"]
    assert found["lines"][0] | {"text": ""} == {"at": "2026-01-02T03:04:05.678000+00:00", "level": "INFO", "text": ""}
    expected = {"id": job, "attempt": 1, "outcome": "completed", "over": True, "dropped": 1, "next": 4}
    assert found.items() >= expected.items()
    assert main(["jobs", "logs", job]) == 0
    printed = capsys.readouterr()
    assert [line.split(" ", 1)[1] for line in printed.out.splitlines()] == [
        "INFO    first",
        "INFO    a\ttab",
        "INFO    \\x1b[31mred",
    ]
    assert "1 older lines were dropped" in printed.err


def test_an_answer_that_was_lost_writes_nothing_twice(engine: Engine, enqueue: Enqueue) -> None:
    job = enqueue("fine")
    write(engine, job, 0, "once")
    write(engine, job, 0, "once")
    write(engine, "no-such-job", 0, "orphan")
    with transaction(engine) as connection:
        count = sa.select(sa.func.count()).select_from(attempt_logs_table)
        assert connection.execute(count).scalar_one() == 1


def test_following_ends_with_the_attempt(
    engine: Engine, enqueue: Enqueue, work: object, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clerk_tasks.operations.job_logs.SETTLING", 0.0)
    monkeypatch.setattr("clerk_tasks.operations.job_logs._INTERVAL", 0.0)
    job = enqueue("fine")
    work(job)  # type: ignore[operator]
    write(engine, job, 0, "one", "two")
    capsys.readouterr()
    assert main(["jobs", "logs", job, "--follow", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert " ".join(lines[0]) == ANSWERS["jobs logs --follow"][1]
    assert [(line["id"], line["attempt"], line["text"]) for line in lines] == [(job, 1, "one"), (job, 1, "two")]


@pytest.mark.parametrize(("arguments", "code"), [((), 0), (("--attempt", "2"), 3), (("--attempt", "0"), 2)])
def test_a_job_that_has_not_begun(enqueue: Enqueue, capsys: Capture, arguments: tuple[str, ...], code: int) -> None:
    job = enqueue("fine")
    capsys.readouterr()
    assert main(["jobs", "logs", job, *arguments]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert ("has not begun" in printed.err) == (code == 0)


def test_an_unknown_job(engine: Engine, capsys: Capture) -> None:
    assert main(["jobs", "logs", "nonsense"]) == 3
