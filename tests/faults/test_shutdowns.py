"""Shutdowns: whoever is asked to end ends in time, however asked; no job is lost or counted for it, nothing is left."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.support.processes import script, wait_for
from tests.support.system import System


def test_sigterm_lets_a_short_job_finish(system: System) -> None:
    """F3. Warm shutdown; the grace is longer than the job.

    Seen to fail: with no `shutdown_grace` in `_hand_back_in_time` of worker.py, the job is handed back.
    """
    worker = system.worker("-c", "1", env={"CLERK_SHUTDOWN_GRACE": "30"})
    job_id = system.enqueue("gated")
    system.wait_until_began(job_id)
    family = worker.children()
    worker.signal(signal.SIGTERM)
    worker.wait_for_log("Warm shutdown")
    for _ in range(2):  # the keeper has been at it since, and has not handed the job back
        wait_for_renewal(system, job_id)
    system.open_gate()
    assert worker.wait() == 0
    assert system.attempts(job_id) == ["completed"]
    assert_gone(family)


SIGNALS = (
    [signal.SIGTERM],
    [signal.SIGQUIT],
    [signal.SIGTERM, signal.SIGQUIT],
    [signal.SIGINT, signal.SIGINT],
)
#: What Celery says as it takes each, the first time and the second.
SAYS = {
    signal.SIGTERM: ("Warm shutdown",),
    signal.SIGQUIT: ("Cold shutdown", "Cold shutdown"),
    signal.SIGINT: ("Warm shutdown", "will terminate all running tasks!"),
}


@pytest.mark.parametrize("signals", SIGNALS, ids=lambda signals: "-".join(signal.name for signal in signals))
def test_a_long_job_is_handed_back_at_once_and_not_counted(system: System, signals: list[signal.Signals]) -> None:
    """F3. An endless job cannot hold a deploy: SIGTERM gives it its grace, SIGQUIT none at all.

    Seen to fail: with `hand_back` out of `_keep` in worker.py, the worker does not end; without `max_attempts + 1` in
    attempts.py, the attempt counts; without `wait_for_soft_shutdown` in worker.py, SIGQUIT costs an attempt, as does
    a second Ctrl-C; without `told` in cli/worker.py, Ctrl-C ends it with 0.
    """
    grace = "1" if signals == [signal.SIGTERM] else "3600"
    worker = system.worker("-c", "1", env={"CLERK_SHUTDOWN_GRACE": grace})
    job_id = system.enqueue("gated")
    system.wait_until_began(job_id)
    family = worker.children()
    asked_at = time.monotonic()
    for place, number in enumerate(signals):
        worker.signal(number)
        worker.wait_for_log(SAYS[number][place])
    code = worker.wait()
    print(f"\nshutdown with a long job, {signals}: code {code}, {time.monotonic() - asked_at:.2f} s")  # noqa: T201
    assert code == (130 if signal.SIGINT in signals else 0), worker.log
    assert_gone(family)
    job = system.job(job_id)
    assert job["state"] in ("retryable", "available")
    assert job["max_attempts"] - job["attempt"] == 3
    system.worker("-c", "1")
    system.wait_until_began(job_id, attempt=2)
    system.open_gate()
    assert system.wait_for_end(job_id) == ["completed"]
    assert system.attempts(job_id) == ["handed-back", "completed"]
    assert system.effects() == {job_id: 1}


def test_ctrl_c_ends_an_idle_worker_which_has_no_answer(system: System) -> None:
    """What Celery says of its end goes to stderr.

    Seen to fail: with `sys.__stdout__` left alone in cli/worker.py; without `told` there, it ends with 1.
    """
    worker = system.programs.run("sh", "-c", f"exec {script('clerk-tasks')} worker default -c 1 >answer")
    worker.wait_for_log("ready", deadline=60)
    worker.signal(signal.SIGINT)
    assert worker.wait() == 130
    assert "Warm shutdown" in worker.log
    assert Path("answer").read_text() == ""


def test_asking_again_and_again_does_not_make_the_grace_longer(system: System) -> None:
    """F3. SIGTERM by whoever has no patience, until it ends.

    Seen to fail: with the `min` out of `_hand_back_in_time` in worker.py, each signal starts the grace anew.
    """
    worker = system.worker("-c", "1", env={"CLERK_SHUTDOWN_GRACE": "2"})
    job_id = system.enqueue("gated")
    system.wait_until_began(job_id)

    def handed_back() -> bool:
        worker.signal(signal.SIGTERM)
        return system.attempts(job_id)[:1] == ["handed-back"]

    wait_for(handed_back, "the job is handed back", deadline=10, logs=lambda: worker.log[-2000:])
    assert worker.wait() == 0


def test_a_worker_told_to_end_by_a_message_hands_long_jobs_back_too(system: System) -> None:
    """F3. `celery control shutdown`, which sends no signal.

    Seen to fail: with the look at the blueprint out of `_keep` in worker.py, the worker waits for the job's end.
    """
    worker = system.worker("-c", "1")
    job_id = system.enqueue("gated")
    system.wait_until_began(job_id)
    assert system.programs.run(script("celery"), "-A", "clerk_tasks", "control", "shutdown").wait() in (0, 69)
    assert worker.wait() == 0, worker.log
    assert system.attempts(job_id) == ["handed-back"]


def test_up_runs_everything_and_leaves_nothing_behind(system: System) -> None:
    """F3. Worker, its child, beat and the embedded broker: the last one out turns off the light.

    Seen to fail: with `_end` of supervisor.py left out, worker and beat live on; without `told`, it ends with 0.
    """
    up = system.programs.clerk("up", "-c", "1")
    job_id = system.enqueue("note")
    assert system.wait_for_end(job_id, deadline=60) == ["completed"]
    wait_for(lambda: "beat" in up.log and len(up.children()) >= 3, "worker, its child, and beat run")
    family = up.children()
    up.signal(signal.SIGINT)
    up.wait_for_log("ending; running jobs get their grace")
    up.signal(signal.SIGINT)
    assert up.wait(deadline=60) == 130, up.log
    assert_gone(family)
    assert "Traceback" not in up.log
    from clerk_tasks.broker import embedded

    wait_for(lambda: not embedded.is_running(), "the embedded broker is gone")


def test_up_that_is_killed_takes_along_what_it_runs(system: System) -> None:
    """F2. Whoever starts it again has one fleet, not two, and no old code beside the new.

    Seen to fail: with `follow_parent` out of __main__.py, worker and beat live on, with nobody to end them.
    """
    up = system.programs.clerk("up", "-c", "1")
    job_id = system.enqueue("gated")
    system.wait_until_began(job_id)
    family = up.children()
    up.kill()
    assert_gone(family)
    assert system.attempts(job_id) == ["handed-back"]


def test_up_starts_again_what_dies(system: System) -> None:
    """F2. A worker under `up` has nobody else to take over from it.

    Seen to fail: with `restart_at` of supervisor.py never reached, attempt 2 never begins.
    """
    up = system.programs.clerk("up", "-c", "1")
    job_id = system.enqueue("gated")
    system.wait_until_began(job_id)
    worker = next(child for child in up.children() if "worker" in child.cmdline())
    worker.kill()
    system.wait_until_began(job_id, attempt=2)
    system.open_gate()
    assert system.wait_for_end(job_id) == ["completed"]
    assert up.terminate(deadline=60) == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_beat_ends_at_once_and_cleanly(system: System, number: signal.Signals, code: int) -> None:
    """F3. Even as it starts; nothing is lost with it, since the schedules are in the database.

    Seen to fail: with the import of schedules out of cli/beat.py, it ends with 1 and a traceback; with Celery's own
    handler, Ctrl-C ends it with 0.
    """
    beat = system.programs.clerk("beat")
    beat.wait_for_log("Starting", deadline=30)
    family = beat.children()
    beat.signal(number)
    assert beat.wait(deadline=5) == code, beat.log
    assert "Traceback" not in beat.log
    assert_gone(family)


def wait_for_renewal(system: System, job_id: str) -> None:
    """Wait until the keeper has been at the job."""
    lease = system.job(job_id)["lease_until"]
    wait_for(lambda: system.job(job_id)["lease_until"] != lease, "the lease is renewed")


def assert_gone(family: list[psutil.Process]) -> None:
    """Assert that none of these processes is left."""
    wait_for(lambda: not psutil.wait_procs(family, timeout=0)[1], f"nothing is left of {family}")
