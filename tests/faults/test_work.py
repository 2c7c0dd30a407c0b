"""Jobs run by real workers: their children run, a burst ends, and whatever they raise the worker goes on."""

from __future__ import annotations

import pytest

from devtools import soak_plugin
from devtools.processes import wait_for
from devtools.system import System


def test_children_run_and_the_run_ends(system: System) -> None:
    """A parent's children run as soon as it has ended, not only when the relay looks for them."""
    system.worker("-c", "2")
    parent = system.enqueue("fans", children=5)
    run_id = system.job(parent)["run_id"]
    wait_for(lambda: system.run(run_id)["state"] == "completed", "the run ends", deadline=8, logs=system.programs.logs)
    assert list(system.effects().values()) == [1] * 5
    assert len(system.run(run_id)["jobs"]) == 6


def test_a_burst_does_what_there_is_and_exits(system: System) -> None:
    """It relays first: these messages were never published, since no broker ran."""
    system.add_plugin(soak_plugin)
    ids = [system.enqueue("nap", seconds=0.7) for _ in range(5)]
    burst = system.programs.clerk("worker", "default", "-c", "1", "--burst")
    assert burst.wait(deadline=60) == 0, burst.log
    assert [system.job(job_id)["state"] for job_id in ids] == ["completed"] * 5
    assert burst.children() == []


@pytest.mark.fault("F26")
def test_a_pause_reaches_running_workers_and_survives_them(every_database: System) -> None:
    """What runs goes on, what waits waits, through the death of a worker, until it is resumed."""
    system = every_database
    worker = system.worker("-c", "1")
    running = system.enqueue("lingers")
    wait_for(lambda: system.effects()[running], "the job runs")
    assert system.programs.clerk("pause", "all", "--reason", "a test").wait() == 0
    waiting = [system.enqueue("note", key=f"k{number}") for number in range(3)]
    worker.wait_for_log("paused now: everything")
    system.open_gate()
    assert system.wait_for_end(running) == ["completed"]
    worker.kill()
    system.worker("-c", "2").wait_for_log("paused now: everything")
    assert [system.job(job_id)["state"] for job_id in waiting] == ["available"] * 3
    burst = system.programs.clerk("worker", "--burst")
    assert burst.wait(deadline=60) == 0, burst.log
    assert [system.job(job_id)["state"] for job_id in waiting] == ["available"] * 3
    assert system.programs.clerk("resume", "all").wait() == 0
    assert system.wait_for_end(*waiting, deadline=30) == ["completed"] * 3
    assert all(system.effects()[job_id] == 1 for job_id in waiting)
