"""How workers end, and what they leave: short jobs done, long ones given back, no process behind."""

from __future__ import annotations

import signal
import time

import psutil
import pytest

from tests.support.processes import wait_for
from tests.support.system import System

pytestmark = pytest.mark.slow


def test_sigterm_lets_a_short_job_finish(system: System) -> None:
    """Guard: warm shutdown; the grace is longer than the job."""
    worker = system.worker("-c", "1", env={"CLERK_SHUTDOWN_GRACE": "30"})
    job_id = system.enqueue("gated")
    system.wait_until_began(job_id)
    worker.signal(signal.SIGTERM)
    worker.wait_for_log("Warm shutdown")
    system.open_gate()
    assert worker.wait() == 0
    assert system.attempts(job_id) == ["completed"]
    assert worker.children() == []


def test_sigterm_hands_a_long_job_back_without_counting_it(system: System) -> None:
    """Guards: hand_back, and `max_attempts + 1` in it; an endless job cannot hold a deploy."""
    worker = system.worker("-c", "1")
    job_id = system.enqueue("gated")
    system.wait_until_began(job_id)
    asked_at = time.monotonic()
    assert worker.terminate() == 0, worker.log
    print(f"\nshutdown with a long job, grace 1 s: {time.monotonic() - asked_at:.2f} s")  # noqa: T201
    job = system.job(job_id)
    assert job["state"] in ("retryable", "available")
    assert job["max_attempts"] - job["attempt"] == 3
    system.worker("-c", "1")
    system.wait_until_began(job_id, attempt=2)
    system.open_gate()
    assert system.wait_for_end(job_id) == ["completed"]
    assert system.attempts(job_id) == ["handed-back", "completed"]
    assert system.effects() == {job_id: 1}


def test_up_runs_everything_and_leaves_nothing_behind(system: System) -> None:
    """Guards: supervisor._end, and the embedded broker's lock: the last one out turns off the light."""
    up = system.programs.clerk("up", "-c", "1")
    job_id = system.enqueue("note")
    assert system.wait_for_end(job_id, deadline=60) == ["completed"]
    wait_for(lambda: "beat" in up.log and len(up.children()) >= 3, "worker, its child, and beat run")
    family = up.children()
    up.signal(signal.SIGINT)
    assert up.wait(deadline=60) == 0, up.log
    wait_for(lambda: not psutil.wait_procs(family, timeout=0)[1], "nothing of it is left", logs=lambda: up.log)
    assert "Traceback" not in up.log
    from clerk_tasks import embedded

    wait_for(lambda: not embedded.is_running(), "the embedded broker is gone")


def test_up_starts_again_what_dies(system: System) -> None:
    """Guard: Child.keep."""
    up = system.programs.clerk("up", "-c", "1")
    job_id = system.enqueue("gated")
    system.wait_until_began(job_id)
    worker = next(child for child in up.children() if "worker" in child.cmdline())
    worker.kill()
    system.wait_until_began(job_id, attempt=2)
    system.open_gate()
    assert system.wait_for_end(job_id) == ["completed"]
    assert up.terminate(deadline=60) == 0
