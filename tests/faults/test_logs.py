"""What an attempt has said is in the ledger, however the attempt ended."""

from __future__ import annotations

import json
from typing import Any

import pytest

from devtools.processes import wait_for
from devtools.system import SITE, System


def read(system: System, job_id: str, *arguments: str) -> dict[str, Any]:
    """Return what `jobs logs --json` prints."""
    logs = system.programs.clerk("jobs", "logs", job_id, "--json", *arguments)
    assert logs.wait() == 0, logs.log
    found: dict[str, Any] = json.loads(logs.log)
    return found


@pytest.mark.fault("F28")
def test_the_log_of_a_killed_attempt_is_kept_up_to_its_last_write(every_database: System) -> None:
    system = every_database
    worker = system.worker("-c", "1")
    silent, job = system.enqueue("note"), system.enqueue("talks")
    assert system.wait_for_end(silent, job) == ["completed", "completed"]
    assert system.attempts(job) == ["lost", "completed"]
    for attempt, last in ((1, ["the last word"]), (2, [])):
        expected = [
            ("OUTPUT", f"printed by attempt {attempt} password=*** \x1b[31m"),
            ("WARNING", f"logged by attempt {attempt}"),
            ("OUTPUT", "from a subprocess"),
            ("OUTPUT", "its error"),
            *(("OUTPUT", word) for word in last),
        ]

        def complete(attempt: int = attempt, expected: list[tuple[str, str]] = expected) -> bool:
            found = read(system, job, "--attempt", str(attempt))["lines"]
            return [(line["level"], line["text"]) for line in found] == expected

        wait_for(complete, f"the log of attempt {attempt} is written", logs=lambda: worker.log)
    subject = f"[job {job} attempt 1 site {SITE} run {system.job(job)['run_id']}]"
    for said in ("printed by attempt 1 password=*** \\x1b[31m", "logged by attempt 1", "the last word"):
        assert f"{subject} {said}\n" in worker.log
    assert read(system, silent)["lines"] == []


@pytest.mark.fault("F28")
def test_a_flood_keeps_the_newest_lines_and_says_how_many_are_gone(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLERK_JOB_LOG_LIMIT", "4")
    worker = system.worker("-c", "1")
    job = system.enqueue("floods", lines=5000)
    assert system.wait_for_end(job) == ["completed"]
    wait_for(lambda: read(system, job)["next"] == 5000, "the log is written", logs=lambda: worker.log)
    found = read(system, job)
    assert found["dropped"] + len(found["lines"]) == 5000
    assert [line["text"] for line in found["lines"]] == [f"line {n}" for n in range(found["dropped"], 5000)]
    assert 10 < len(found["lines"]) < 120


@pytest.mark.fault("F28")
def test_a_job_that_closes_its_output_silences_no_other(system: System) -> None:
    worker = system.worker("-c", "1")
    mutes, job = system.enqueue("mutes"), system.enqueue("floods", lines=3)
    assert system.wait_for_end(mutes, job) == ["completed", "completed"]
    wait_for(lambda: read(system, job)["next"] == 3, "the log is written", logs=lambda: worker.log)


def test_as_json_every_line_of_up_is_an_object_that_names_its_job(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLERK_LOG_FORMAT", "json")
    up = system.programs.clerk("up", "-c", "1")
    job = system.enqueue("talks")
    assert system.wait_for_end(job) == ["completed"]
    assert up.terminate() == 0
    lines = [json.loads(line) for line in up.log.splitlines()]
    of_job = {(line["message"], line["attempt"], line["subdomain"]) for line in lines if line.get("job_id") == job}
    assert {("printed by attempt 1 password=*** \x1b[31m", 1, SITE), ("logged by attempt 2", 2, SITE)} <= of_job
    assert any(line["logger"] == "up" for line in lines)
