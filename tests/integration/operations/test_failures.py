"""`failures`: one row per cause, whatever the numbers and names in the error."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, text

from clerk.database.clock import now
from clerk.database.tables import jobs_table
from clerk.database.transactions import transaction
from clerk_tasks.cli.main import main
from clerk_tasks.ledger.causes import general_form
from clerk_tasks.operations.failures import failures
from tests.integration.operations.conftest import Enqueue

Work = Callable[[str], None]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("HTTP 503 from https://a.ca/x?id=7", "HTTP 502 from https://b.ca/y"),
        ("KeyError: 'EventId'", "KeyError: 'EventDate'"),
        ("[Errno 28] No space left: '/data/a.ca/pdfs/1.pdf'", "[Errno 28] No space left: '/data/b.ca/pdfs/2.pdf'"),
        ("minutes of 2024-01-31 are cut", "minutes of 2025-12-01T10:00:00 are cut"),
        ("alameda.ca: no document could be downloaded", "alameda.ca: no document could be downloaded"),
        ("job 01a22282-596d-75d1-8034-2e03d1b02ee9 has it", "job 01a22282-5975-773b-b3e2-b0b04cb8936d has it"),
    ],
)
def test_errors_that_differ_in_particulars_have_one_form(one: str, other: str) -> None:
    assert general_form(one, "alameda.ca") == general_form(other, "alameda.ca")
    assert general_form(one, "alameda.ca") != general_form(f"not {other}", "alameda.ca")


def test_dead_letters_and_retries_are_grouped_by_cause(
    enqueue: Enqueue, work: Work, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    for job in (enqueue("broken", why=f"page {number} is gone") for number in (1, 2, 3)):
        work(job)
    other, retried, fine = enqueue("broken", why="no access"), enqueue("mistaken"), enqueue("fine")
    for job in (other, retried, fine):
        work(job)
    capsys.readouterr()
    assert main(["failures", "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    counted = {cause["cause"]: (cause["job_type"], cause["dead_letters"], cause["to_be_retried"]) for cause in found}
    assert counted == {
        "page … is gone": ("broken", 3, 0),
        "no access": ("broken", 1, 0),
        "TypeError: … object is not callable": ("mistaken", 0, 1),
    }
    first = found[0]
    assert (first["sites"], first["error"]) == (["alameda.ca"], "page 3 is gone")
    assert first["first"] <= first["last"]
    assert len({cause["fingerprint"] for cause in found}) == 3
    assert main(["failures"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:4] == [first["fingerprint"], "broken", "3", "0"]
    with transaction(engine) as connection:
        connection.execute(jobs_table.update().values(finished_at=now(-7200), started_at=now(-7200)))
    assert failures("1h") == []
    assert len(failures("3h")) == 3


def test_a_job_that_was_handed_back_or_snoozed_has_not_failed(enqueue: Enqueue, work: Work, engine: Engine) -> None:
    """Guard: `uncounted` in failed_since."""
    work(enqueue("mistaken"))
    assert len(failures()) == 1
    for outcome in ("handed-back", "snoozed"):
        with transaction(engine) as connection:
            connection.execute(text("UPDATE attempts SET outcome = :outcome"), {"outcome": outcome})
        assert failures() == []


def test_one_whose_time_has_come_is_still_to_be_retried(enqueue: Enqueue, work: Work, engine: Engine) -> None:
    work(enqueue("mistaken"))
    enqueue("fine")
    before = failures()
    with transaction(engine) as connection:
        connection.execute(jobs_table.update().values(state="available"))
    assert failures() == before
    assert [cause["to_be_retried"] for cause in before] == [1]


def test_what_is_no_duration_is_refused(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["failures", "--since", "yesterday"]) == 2
    assert "'yesterday' is no duration" in capsys.readouterr().err
    assert main(["failures"]) == 0
    assert "Nothing failed in the last 24h." in capsys.readouterr().err
