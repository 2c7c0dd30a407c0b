"""A worker that is drained finishes what it runs, takes nothing new and ends; `up` does not start it again."""

from __future__ import annotations

import pytest

from devtools.processes import wait_for
from devtools.system import System


@pytest.mark.fault("F27")
def test_a_drained_worker_finishes_what_it_runs(every_database: System) -> None:
    """The job takes longer than the grace of a shutdown, which a drain has not."""
    system = every_database
    worker = system.worker("-c", "2", env={"CLERK_SHUTDOWN_GRACE": "0"})
    running = system.enqueue("lingers")
    wait_for(lambda: system.effects()[running], "the job runs")
    assert system.programs.clerk("workers", "drain", "--all").wait() == 0
    worker.wait_for_log("draining: this worker finishes what it runs")
    waiting = system.enqueue("note", key="later")
    system.open_gate()
    assert worker.wait(deadline=30) == 0, worker.log
    assert system.attempts(running) == ["completed"]
    assert system.job(waiting)["state"] == "available"
    system.worker("-c", "1")
    assert system.wait_for_end(waiting) == ["completed"]


@pytest.mark.fault("F27")
def test_a_drain_with_a_timeout_hands_back_what_still_runs(system: System) -> None:
    worker = system.worker("-c", "1")
    running = system.enqueue("gated")
    system.wait_until_began(running)
    assert system.programs.clerk("workers", "drain", "default", "--timeout", "1s").wait() == 0
    assert worker.wait(deadline=40) == 0, worker.log
    system.open_gate()
    system.worker("-c", "1")
    assert system.wait_for_end(running) == ["completed"]
    assert system.attempts(running) == ["handed-back", "completed"]


@pytest.mark.fault("F27")
def test_up_does_not_start_again_what_was_drained(system: System) -> None:
    up = system.programs.clerk("up", "-c", "1")
    assert system.wait_for_end(system.enqueue("note", key="first"), deadline=30) == ["completed"]
    assert system.programs.clerk("workers", "drain", "default").wait() == 0
    up.wait_for_log("was drained, and is not started again", deadline=40)
    waiting = system.enqueue("note", key="second")
    system.programs.clerk("health").wait()
    assert system.job(waiting)["state"] == "available"
    assert "restarting" not in up.log
    assert up.terminate() == 0
