"""What operators do leaves a row: who, when, what, to how many things, and why; also what is interrupted."""

from __future__ import annotations

from sqlalchemy import Engine

from clerk.acts import advance_act, begin_act, operator
from clerk.database.clock import now
from clerk.database.operator_tables import acts_table
from clerk.database.transactions import transaction
from clerk_tasks.cli.main import main
from clerk_tasks.operations.acts import list_acts
from clerk_tasks.operations.listing import show_job
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
