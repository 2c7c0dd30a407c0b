"""`enqueue --in|--at` and `jobs run-now`: run a job later, and not so late after all."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clerk.jobs import JobRequest
from clerk_tasks import recording
from clerk_tasks.cli.main import main
from clerk_tasks.job_types.registry import registry
from clerk_tasks.ledger.insert import NewStage
from clerk_tasks.ledger.runs import record_run
from clerk_tasks.operations.listing import show_job
from tests.integration.operations.conftest import Enqueue
from tests.integration.operations.test_why import said

Capture = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("engine")


def enqueued(capsys: Capture, *options: str) -> dict[str, Any]:
    """Enqueue a job with the command; return it."""
    capsys.readouterr()
    assert main(["enqueue", "fine", "alameda.ca", "--json", *options]) == 0
    job: dict[str, Any] = json.loads(capsys.readouterr().out)
    return show_job(job["id"])


def wait_of(job: dict[str, Any]) -> float:
    """Return the seconds from now at which a job is due."""
    due: datetime = datetime.fromisoformat(str(job["due_at"]))
    return (due.replace(tzinfo=due.tzinfo or UTC) - datetime.now(UTC)).total_seconds()


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("1h30m", 5400), ("2d", 172_800)])
def test_a_job_is_due_in_a_while(capsys: Capture, text: str, seconds: int) -> None:
    job = enqueued(capsys, "--in", text)
    assert job["state"] == "scheduled"
    assert wait_of(job) == pytest.approx(seconds, abs=30)


@pytest.mark.parametrize("zone", [UTC, None])
def test_a_job_is_due_at_a_time_of_its_zone_or_of_here(capsys: Capture, zone: Any) -> None:
    moment = datetime.now(UTC) + timedelta(hours=3)
    text = moment.isoformat() if zone else moment.astimezone().replace(tzinfo=None).isoformat()
    assert wait_of(enqueued(capsys, "--at", text)) == pytest.approx(3 * 3600, abs=30)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--in", "soon"], "'soon' is no duration: write 90s, 10m"),
        (["--in", "0m"], "'0m' is no duration"),
        (["--in", "-5m"], "'-5m' is no duration"),
        (["--in", "99999999d"], "'99999999d' is no duration"),
        (["--at", "tomorrow"], "'tomorrow' is not a time: write 2026-12-01T18:30"),
        (["--at", "2020-01-01T00:00"], "2020-01-01T00:00 is past"),
        (["--at", "9999-12-31T23:59"], "is more than ten years away"),
        (["--in", "1h", "--at", "2099-01-01"], "Give --in or --at, not both."),
    ],
)
def test_a_time_that_cannot_be_meant_enqueues_nothing(capsys: Capture, options: list[str], reason: str) -> None:
    assert main(["enqueue", "fine", "alameda.ca", *options]) == 2
    assert reason in capsys.readouterr().err
    main(["jobs", "list", "--json"])
    assert json.loads(capsys.readouterr().out) == []


def test_a_job_that_waits_for_its_time_runs_now(capsys: Capture, work: Any) -> None:
    job = enqueued(capsys, "--in", "2h")
    assert main(["jobs", "run-now", job["id"]]) == 0
    assert capsys.readouterr().out == f"{job['id']} available\n"
    work(job["id"])
    assert show_job(job["id"])["state"] == "completed"
    assert main(["jobs", "run-now", job["id"]]) == 4
    assert f"Job {job['id']} is completed." in capsys.readouterr().err


def test_all_or_none_run_now(capsys: Capture, enqueue: Enqueue) -> None:
    later, soon = enqueued(capsys, "--in", "2h")["id"], enqueue("fine", name="soon")
    assert main(["jobs", "run-now", later, soon]) == 4
    assert f"Job {soon} is available." in capsys.readouterr().err
    assert main(["jobs", "run-now", later, "x"]) == 3
    assert show_job(later)["state"] == "scheduled"


def test_a_job_that_waits_for_its_stage_does_not_run_now(capsys: Capture, engine: Any) -> None:
    known = registry()
    stages = [
        NewStage(name=name, jobs=[recording.new_job(JobRequest("fine", "alameda.ca", {"name": name}), known)])
        for name in ("first", "second")
    ]
    with engine.begin() as connection:
        _, second = record_run(connection, "run", subdomain="alameda.ca", pipeline="p", new_stages=stages).job_ids
    assert main(["jobs", "run-now", second]) == 4
    assert "waits for its stage" in capsys.readouterr().err
    assert "due" not in said(second)
