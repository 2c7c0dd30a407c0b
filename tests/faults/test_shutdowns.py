"""Shutdowns: whoever is asked to end ends in time, however asked; no job is lost or counted for it, nothing is left."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import psutil
import pytest

from devtools.processes import script, wait_for
from devtools.system import System


@pytest.mark.fault("F3")
def test_sigterm_lets_a_short_job_finish(system: System) -> None:
    """Warm shutdown; the grace is longer than the job."""
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


@pytest.mark.fault("F3")
@pytest.mark.parametrize("signals", SIGNALS, ids=lambda signals: "-".join(signal.name for signal in signals))
def test_a_long_job_is_handed_back_at_once_and_not_counted(system: System, signals: list[signal.Signals]) -> None:
    """An endless job cannot hold a deploy: SIGTERM gives it its grace, SIGQUIT none at all."""
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
    """What Celery says of its end goes to stderr."""
    worker = system.programs.run("sh", "-c", f"exec {script('clerk-tasks')} worker default -c 1 >answer")
    worker.wait_for_log("ready", deadline=60)
    worker.signal(signal.SIGINT)
    assert worker.wait() == 130
    assert "Warm shutdown" in worker.log
    assert Path("answer").read_text() == ""


@pytest.mark.fault("F3")
def test_asking_again_and_again_does_not_make_the_grace_longer(system: System) -> None:
    """SIGTERM again and again, until it ends."""
    worker = system.worker("-c", "1", env={"CLERK_SHUTDOWN_GRACE": "2"})
    job_id = system.enqueue("gated")
    system.wait_until_began(job_id)

    def handed_back() -> bool:
        worker.signal(signal.SIGTERM)
        return system.attempts(job_id)[:1] == ["handed-back"]

    wait_for(handed_back, "the job is handed back", deadline=10, logs=lambda: worker.log[-2000:])
    assert worker.wait() == 0


@pytest.mark.fault("F3")
def test_a_worker_told_to_end_by_a_message_hands_long_jobs_back_too(system: System) -> None:
    """`celery control shutdown`, which sends no signal."""
    worker = system.worker("-c", "1")
    job_id = system.enqueue("gated")
    system.wait_until_began(job_id)
    assert system.programs.run(script("celery"), "-A", "clerk_tasks", "control", "shutdown").wait() in (0, 69)
    assert worker.wait() == 0, worker.log
    assert system.attempts(job_id) == ["handed-back"]


@pytest.mark.fault("F3")
def test_up_runs_everything_and_leaves_nothing_behind(system: System) -> None:
    """Worker, its child, beat and the embedded broker: the last one to end stops the broker."""
    up = system.programs.clerk("up", "-c", "1")
    job_id = system.enqueue("note")
    assert system.wait_for_end(job_id, deadline=60) == ["completed"]
    wait_for(lambda: "beat" in up.log and len(up.children()) >= 3, "worker, its child, and beat run")
    family = up.children()
    up.signal(signal.SIGINT)
    up.wait_for_log("stopping; running jobs have")
    up.signal(signal.SIGINT)
    assert up.wait(deadline=60) == 130, up.log
    assert_gone(family)
    assert "Traceback" not in up.log
    from clerk_tasks.broker import embedded

    wait_for(lambda: not embedded.is_running(), "the embedded broker is gone")


@pytest.mark.fault("F2")
def test_up_that_is_killed_takes_along_what_it_runs(system: System) -> None:
    """The next start has one fleet, not two, and no old code beside the new."""
    up = system.programs.clerk("up", "-c", "1")
    job_id = system.enqueue("gated")
    system.wait_until_began(job_id)
    family = up.children()
    up.kill()
    assert_gone(family)
    assert system.attempts(job_id) == ["handed-back"]


@pytest.mark.fault("F2")
def test_up_starts_again_what_dies(system: System) -> None:
    """A worker under `up` has no other worker to take over from it."""
    up = system.programs.clerk("up", "-c", "1")
    job_id = system.enqueue("gated")
    system.wait_until_began(job_id)
    worker = next(child for child in up.children() if "worker" in child.cmdline())
    worker.kill()
    system.wait_until_began(job_id, attempt=2)
    system.open_gate()
    assert system.wait_for_end(job_id) == ["completed"]
    assert up.terminate(deadline=60) == 0


@pytest.mark.slow
@pytest.mark.fault("F3")
@pytest.mark.fast
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_beat_ends_at_once_and_cleanly(system: System, number: signal.Signals, code: int) -> None:
    """Even as it starts; nothing is lost with it, since the schedules are in the database."""
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
