"""Ids in lists are short, and commands accept them."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from clerk.database.tables import jobs_table as jobs
from clerk.database.transactions import transaction
from clerk_tasks.cli.main import main
from tests.integration.operations.conftest import Enqueue

Capture = pytest.CaptureFixture[str]
IDS = [
    "01a22361-4a1c-76b1-88ac-48d8623fdbe7",
    "01a22361-4a1c-76b1-88ad-48d8623fdbe7",
    "01a22361-4a1c-76b2-88ac-48d8623fdbe7",
    "01b00000-0000-7000-8000-000000000000",
]
SHORT = ["01a22361-4a1c-76b1-88ac", "01a22361-4a1c-76b1-88ad", "01a22361-4a1c-76b2", "01b00000"]


@pytest.fixture
def known(engine: Engine, enqueue: Enqueue) -> list[str]:
    """Four jobs, of ids that are alike."""
    for number, new in enumerate(IDS):
        job = enqueue("fine", name=str(number))
        with transaction(engine) as connection:
            connection.execute(sa.update(jobs).where(jobs.c.id == job).values(id=new))
    return IDS


def listed(capsys: Capture, *arguments: str) -> list[str]:
    """Return the lines that a command prints."""
    capsys.readouterr()
    assert main([*arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_a_list_has_as_much_of_an_id_as_no_other_has(known: list[str], capsys: Capture) -> None:
    lines = listed(capsys, "jobs", "list")[1:]
    assert [line.split()[0] for line in reversed(lines)] == SHORT
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("command", ["jobs show", "jobs logs", "why", "jobs cancel", "jobs list --before"])
def test_commands_take_the_beginning_of_an_id(known: list[str], capsys: Capture, command: str) -> None:
    assert main([*command.split(), SHORT[2]]) == 0
    printed = capsys.readouterr()
    assert known[2] in printed.out + printed.err or command == "jobs list --before"


def test_a_beginning_that_several_have_is_an_error_of_one_line(known: list[str], capsys: Capture) -> None:
    capsys.readouterr()
    assert main(["jobs", "show", "01a22361"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"error: Several jobs begin with '01a22361': {', '.join(known[:3])}. Write more of the id.\n"


@pytest.mark.parametrize("text", ["01c", "0", "nonsense", "%", "01a2'", "01A22361"])
def test_what_no_id_begins_with_is_not_found(known: list[str], text: str) -> None:
    assert main(["jobs", "show", text]) == 3


def run_of(capsys: Capture, job: str) -> str:
    capsys.readouterr()
    assert main(["jobs", "show", job, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return str(found["run_id"])


@pytest.mark.parametrize("size", [-1, 12])
def test_runs_too(enqueue: Enqueue, capsys: Capture, size: int) -> None:
    run = run_of(capsys, enqueue("fine"))
    assert run in listed(capsys, "runs", "show", run[:size])[0]
    short = listed(capsys, "runs", "list")[1].split()[0]
    assert run.startswith(short)
    assert len(short) < len(run)
    assert run in listed(capsys, "runs", "show", short)[0]
