"""`kill -9` of whatever works: every job ends, its effect happens once, and the time it takes is printed."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.support.processes import wait_for
from tests.support.system import System, children_of

pytestmark = pytest.mark.slow


def test_a_killed_child_costs_an_attempt_and_two_seconds(every_system: System) -> None:
    """Guard: the keeper's look at its children. Without it the job waits for its time limit, an hour."""
    system = every_system
    system.worker("-c", "2")
    job_id = system.enqueue("gated", key="k")
    os.kill(system.wait_until_began(job_id), signal.SIGKILL)
    killed_at = time.monotonic()
    system.wait_until_began(job_id, attempt=2)
    print(f"\nrecovery after a killed child: {time.monotonic() - killed_at:.2f} s")  # noqa: T201
    system.open_gate()
    assert system.wait_for_end(job_id) == ["completed"]
    assert system.effects() == {job_id: 1}
    assert system.attempts(job_id) == ["lost", "completed"]
    assert "died" in system.job(job_id)["attempts"][0]["error"]


@pytest.mark.parametrize("lease", ["6", pytest.param("30", id="default")])
def test_a_killed_worker_is_taken_over_within_its_lease(system: System, lease: str) -> None:
    """Guard: the relay's take-over. `kill -9` of a parent takes its children along, and nobody says a word."""
    doomed = system.worker("-c", "1", env={"CLERK_LEASE": lease})
    job_id = system.enqueue("gated", key="k")
    system.wait_until_began(job_id)
    family = children_of(doomed)
    system.worker("-c", "1", env={"CLERK_LEASE": lease})
    doomed.kill()
    killed_at = time.monotonic()
    wait_for(lambda: not any(child.is_running() for child in family), "the children go with their parent")
    system.wait_until_began(job_id, attempt=2)
    recovery = time.monotonic() - killed_at
    print(f"\nrecovery after a killed parent, lease {lease} s: {recovery:.2f} s")  # noqa: T201
    assert recovery <= float(lease) + 1.0
    system.open_gate()
    assert system.wait_for_end(job_id) == ["completed"]
    assert system.effects() == {job_id: 1}
    assert system.attempts(job_id) == ["lost", "completed"]


def test_a_job_that_kills_its_process_ends_as_a_dead_letter(system: System) -> None:
    """Guard: attempts are counted when they begin. The fleet outlives the poison."""
    worker = system.worker("-c", "1")
    poison = system.enqueue("dies")
    assert system.wait_for_end(poison, deadline=60) == ["discarded"]
    assert system.attempts(poison) == ["lost"] * 3
    assert worker.alive
    assert system.wait_for_end(system.enqueue("note")) == ["completed"]


def test_a_stopped_worker_that_wakes_finds_itself_fenced(system: System) -> None:
    """Guard: the attempt in `_MINE`, and in `fence()`. SIGSTOP past the lease: both finish, one effect stays."""
    sleeper = system.worker("-c", "1")
    job_id = system.enqueue("gated", key="k")
    system.wait_until_began(job_id)
    family = [sleeper.pid, *(child.pid for child in children_of(sleeper))]
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    system.worker("-c", "1")
    system.wait_until_began(job_id, attempt=2)
    for pid in reversed(family):
        os.kill(pid, signal.SIGCONT)
    system.open_gate()
    assert system.wait_for_end(job_id) == ["completed"]
    assert system.job(job_id)["attempt"] == 2
    assert system.wait_for_end(*(system.enqueue("note", key=f"k{n}") for n in range(4))) == ["completed"] * 4
    assert system.effects()[job_id] == 1
    assert sleeper.alive


def test_a_job_past_its_time_limit_is_killed_and_in_the_end_discarded(system: System) -> None:
    """Guard: `late` in the keeper. It never returns, and nothing in it can be asked to."""
    worker = system.worker("-c", "1")
    endless = system.enqueue("hasty")
    job = system.wait_until(endless, "discarded", deadline=60)
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["lost", "lost"]
    assert job["error"] == "It ran past its time limit of 1 s and was killed."
    assert worker.alive
    system.open_gate()
    assert system.wait_for_end(system.enqueue("gated")) == ["completed"]
    assert endless not in system.effects()


def test_a_running_job_is_cancelled_at_its_next_checkpoint(system: System) -> None:
    """Guard: check_owned's answer in checkpoint()."""
    worker = system.worker("-c", "1")
    child = children_of(worker)[0].pid
    job_id = system.enqueue("gated", polite=True)
    system.wait_until_began(job_id)
    assert system.programs.clerk("jobs", "cancel", job_id).wait() == 0
    job = system.wait_until(job_id, "cancelled", deadline=5)
    assert job["error"] == "cancelled while it ran"
    assert [process.pid for process in children_of(worker)] == [child], "nobody was killed"


def test_a_running_job_that_does_not_listen_is_killed_when_cancelled(system: System) -> None:
    """Guard: `deaf` in the keeper."""
    worker = system.worker("-c", "1")
    child = children_of(worker)[0].pid
    job_id = system.enqueue("gated")
    system.wait_until_began(job_id)
    assert system.programs.clerk("jobs", "cancel", job_id).wait() == 0
    job = system.wait_until(job_id, "cancelled", deadline=20)
    assert job["error"] == "cancelled by an operator"
    wait_for(lambda: child not in {process.pid for process in children_of(worker)}, "its process was killed")
    assert system.effects() == {}
