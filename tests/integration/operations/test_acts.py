"""What operators do leaves a row: who, when, what, to how many things, and why; also what is interrupted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from clerk.acts import advance_act, begin_act, operator
from clerk.database.clock import now
from clerk.database.operator_tables import acts_table
from clerk.database.tables import runs_table, sites_table
from clerk.database.transactions import transaction
from clerk_tasks.cli.main import main
from clerk_tasks.ledger import prune
from clerk_tasks.operations.acts import list_acts, running_act, stop_act
from clerk_tasks.operations.doctor import diagnose
from clerk_tasks.operations.listing import show_job
from clerk_tasks.schedules import maintenance
from tests.integration.operations.conftest import Enqueue
from tests.integration.operations.test_bulk_acts import Capture, answer, some

__all__ = ["some"]  # a fixture


def test_an_act_whose_process_is_gone_says_how_far_it_came(engine: Engine, capsys: Capture) -> None:
    with transaction(engine) as connection:
        killed, far = (begin_act(connection, "cancel", "every job", matched=5000, reason=None) for _ in range(2))
        advance_act(connection, killed, done=2000, refused=1)
        row = acts_table.update().where(acts_table.c.id == killed)
        connection.execute(row.values(pid=2**22 + 1))  # larger than any process id
        elsewhere = {"hostname": "elsewhere", "pid": 1, "seen_at": now(-600)}
        connection.execute(acts_table.update().where(acts_table.c.id == far).values(elsewhere))
    assert {act["id"]: act["state"] for act in list_acts()} == {killed: "interrupted", far: "interrupted"}
    shown = answer(capsys, "acts", "show", str(killed), "--follow")
    assert (shown["done"], shown["refused"], shown["matched"]) == (2000, 1, 5000)
    assert main(["acts", "stop", str(killed)]) == 4


def test_single_acts_leave_a_row_too(some: dict[str, str], capsys: Capture) -> None:
    run_id = show_job(some["site"])["run_id"]
    for words in (
        "pause site brook.ca --reason quiet",
        "resume site brook.ca --reason over",
        f"jobs run-now {some['later']}",
        f"jobs dismiss {some['gone']} --reason known",
        f"jobs retry {some['full']}",
        f"jobs cancel {some['plain']} {some['argument']}",
        f"runs cancel {run_id} --reason wrong",
    ):
        assert main(words.split()) == 0, capsys.readouterr().err
    both = ", ".join(sorted([some["plain"], some["argument"]]))
    assert [(act["act"], act["what"], act["done"], act["reason"]) for act in list_acts()][::-1] == [
        ("pause", "site brook.ca", 1, "quiet"),
        ("resume", "site brook.ca", 1, "over"),
        ("run-now", f"job {some['later']}", 1, None),
        ("dismiss", f"job {some['gone']}", 1, "known"),
        ("retry", f"job {some['full']}", 1, None),
        ("cancel", f"jobs {both}", 2, None),
        ("cancel", f"run {run_id}", 1, "wrong"),
    ]
    assert show_job(some["gone"])["note"] == f"dismissed by {operator()}: known"
    assert len(list_acts(limit=2)) == 2
    assert [act["id"] for act in list_acts(before=2)] == [1]
    assert main(["acts"]) == 0
    assert "brook.ca" in capsys.readouterr().out


def rows_of_acts() -> list[tuple[str, str, int, int, str]]:
    """Return what was done, oldest first: act, object, things found and done, state."""
    return [(act["act"], act["what"], act["matched"], act["done"], act["state"]) for act in list_acts()][::-1]


def test_acts_on_sites_leave_a_row(engine: Engine, tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "sites.csv"
    file.write_text("subdomain,name,state\nfern.ca,Fern,CA\nelm.ca,Elm,CA\n")
    for words, code in (
        ("sites add fern.ca --name Fern --state CA", 0),
        ("sites add fern.ca --name Fern --state CA", 4),
        ("sites edit fern.ca --name Ferndale", 0),
        (f"sites import {file} --dry-run", 0),
        (f"sites import {file}", 0),
        (f"sites import {file}", 0),  # nothing is new
        ("sites remove fern.ca --dry-run", 0),
        ("sites remove fern.ca --yes", 0),
        ("sites remove fern.ca --yes", 3),
    ):
        assert main(words.split()) == code, capsys.readouterr().err
    assert rows_of_acts() == [
        ("add", "site fern.ca", 1, 1, "done"),
        ("edit", "site fern.ca", 1, 1, "done"),
        ("import", "sites elm.ca, fern.ca", 2, 2, "done"),
        ("remove", "site fern.ca", 1, 1, "done"),
    ]


def test_pruning_leaves_a_row(
    engine: Engine, enqueue: Enqueue, work: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also: it is told of what each of its transactions deletes, and ends after the one that says so."""
    for name in ("one", "two", "three"):
        work(enqueue("fine", name=name))
    with transaction(engine) as connection:
        connection.execute(runs_table.update().values(created_at=now(-86400 * 40), finished_at=now(-86400 * 40)))
    assert main(["db", "prune", "--older-than", "30", "--dry-run"]) == 0
    assert list_acts() == []
    monkeypatch.setattr(prune, "BATCH", 1)
    heard: list[int] = []

    def hear(_connection: Connection, number: int) -> bool:
        heard.append(number)
        return False

    assert maintenance.prune(30, goes_on=hear)[1] is False
    assert heard == [3, 0, 0, 0, 0, 0]
    assert main(["db", "prune", "--older-than", "30", "--yes"]) == 0
    assert rows_of_acts() == [("prune", "what ended at least 30 days ago", 6, 6, "done")]


def test_an_act_of_several_transactions_can_be_stopped(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), running_act("prune", "everything", matched=2):
        _ = 1 / 0
    with running_act("prune", "everything", matched=2) as act:
        for number in (1, 1):
            with transaction(engine) as connection:
                act.advance(connection, number)
            if act.stopped_by is not None:
                break
            stop_act(act.id)
    assert act.stopped_by == operator()
    assert [(*row[2:], by["stopped_by"]) for row, by in zip(rows_of_acts(), list_acts()[::-1], strict=True)] == [
        (2, 0, "failed", None),
        (2, 2, "stopped", operator()),
    ]


def test_what_the_doctor_mends_leaves_a_row(engine: Engine, enqueue: Enqueue) -> None:
    diagnose(fix=True)
    ids = sorted(enqueue("fine", name=name) for name in ("one", "two"))
    with transaction(engine) as connection:
        connection.execute(sites_table.delete())
    diagnose(fix=False)
    assert list_acts() == []
    diagnose(fix=True)
    assert rows_of_acts() == [("fix", f"findings orphan {ids[0]}, orphan {ids[1]}", 2, 2, "done")]
