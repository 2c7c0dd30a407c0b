"""Poison and bombs: jobs that harm what runs them end as dead letters that say why, and the fleet goes on."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from devtools import bombs_plugin
from devtools.processes import Program, wait_for
from devtools.system import System, children_of

RAISED = {
    "Retry": ("discarded", 2, "later"),
    "Discard": ("discarded", 1, "never"),
    "Cancel": ("cancelled", 1, "not wanted"),
    "ValueError": ("discarded", 2, "ValueError: a bad value"),
    "MemoryError": ("discarded", 2, "MemoryError: (a job may hold CLERK_MEMORY_LIMIT=4096 MiB)"),
    "SystemExit": ("discarded", 2, "SystemExit: 3"),
    "KeyboardInterrupt": ("discarded", 2, "KeyboardInterrupt"),
    "GeneratorExit": ("discarded", 2, "GeneratorExit"),
    "Ignore": ("discarded", 2, "Ignore: leave me alone"),
    "Reject": ("discarded", 2, "Reject: (Awkward("),
    "Awkward": ("discarded", 2, "Awkward: one ? ?"),
    "Unspeakable": ("discarded", 2, "Unspeakable"),
}


@pytest.fixture(autouse=True)
def _plugin(request: pytest.FixtureRequest) -> None:
    name = "every_database" if "every_database" in request.fixturenames else "system"
    request.getfixturevalue(name).add_plugin(bombs_plugin)


def goes_on(system: System, worker: Program, *, children: int = 1) -> None:
    """Assert that the worker lives, has as many children as before, and does its work."""
    assert worker.alive, worker.log
    assert system.wait_for_end(system.enqueue("note", key="after")) == ["completed"]
    wait_for(lambda: len(children_of(worker)) == children, "the pool is whole", logs=lambda: worker.log)


@pytest.mark.slow
@pytest.mark.fault("F19", "F20")
@pytest.mark.fast
def test_whatever_a_job_raises_the_worker_goes_on(every_database: System) -> None:
    """Bare Celery's worker dies of the MemoryError and of the Reject, and hands them to the next one."""
    system = every_database
    worker = system.worker("-c", "2")
    children = {child.pid for child in children_of(worker)}
    raised = {what: system.enqueue("raises", what=what) for what in RAISED}
    system.wait_for_end(*raised.values())
    for what, (state, attempts, error) in RAISED.items():
        job = system.job(raised[what])
        assert (job["state"], job["attempt"]) == (state, attempts), job
        assert job["error"].startswith(error), job
        assert len(job["attempts"]) == attempts
    goes_on(system, worker, children=2)
    assert {child.pid for child in children_of(worker)} == children, "no process was lost over words"


@pytest.mark.slow
@pytest.mark.fault("F20")
@pytest.mark.fast
def test_an_outcome_that_the_database_refuses_is_a_failure(every_database: System) -> None:
    """A child's unique key that PostgreSQL does not take, for its NUL, and SQLite does."""
    system = every_database
    worker = system.worker()
    job_id = system.enqueue("asks-too-much")
    system.wait_for_end(job_id)
    job = system.job(job_id)
    if system.engine.dialect.name == "postgresql":
        assert job["state"] == "discarded"
        assert job["error"].startswith("The database refuses its outcome: ")
        assert system.attempts(job_id) == ["retryable", "discarded"]
    else:
        assert job["state"] == "completed"
    goes_on(system, worker)


@pytest.mark.fault("F19")
@pytest.mark.parametrize("grain", [64 << 20, 100], ids=["large", "small"])
def test_a_job_that_exhausts_memory_gets_an_error_and_a_new_process(system: System, grain: int) -> None:
    """The job takes all memory and keeps it beyond its end; only the limit stops it."""
    worker = system.worker("-c", "1", env={"CLERK_MEMORY_LIMIT": "300"})
    child = children_of(worker)[0].pid
    bomb = system.enqueue("hoards", grain=grain)
    assert system.wait_for_end(bomb, deadline=60) == ["discarded"]
    job = system.job(bomb)
    assert job["error"] == "MemoryError: (a job may hold CLERK_MEMORY_LIMIT=300 MiB)"
    assert system.attempts(bomb) == ["retryable", "discarded"]
    goes_on(system, worker)
    assert child not in {process.pid for process in children_of(worker)}, "nobody works in a full process"


@pytest.mark.fault("F1", "F18")
@pytest.mark.parametrize(("bomb", "attempts"), [("dies", 3), ("exits", 2)])
def test_a_job_that_ends_its_process_ends_as_a_dead_letter(system: System, bomb: str, attempts: int) -> None:
    """SIGKILL from nowhere, or an exit with code 0: the attempt was counted when it began."""
    worker = system.worker()
    poison = system.enqueue(bomb)
    assert system.wait_for_end(poison, deadline=60) == ["discarded"]
    job = system.job(poison)
    assert system.attempts(poison) == ["lost"] * attempts
    assert job["error"].startswith("Its process (")
    assert job["error"].endswith(") died.")
    goes_on(system, worker)


@pytest.mark.fault("F21")
def test_a_job_that_swallows_whatever_is_raised_is_killed_at_its_time_limit(system: System) -> None:
    """It never returns, ignores signals, and a bare `except` would swallow a soft limit."""
    worker = system.worker()
    endless = system.enqueue("deafens")
    assert system.wait_for_end(endless, deadline=60) == ["discarded"]
    assert system.attempts(endless) == ["lost", "lost"]
    assert system.job(endless)["error"] == "It ran past its time limit of 1 s and was killed."
    goes_on(system, worker)


@pytest.mark.fault("F21")
def test_a_job_past_its_time_limit_is_killed_with_what_it_started(system: System) -> None:
    """A grandchild would keep memory, files and locks after its job's end."""
    worker = system.worker()
    job_id = system.enqueue("forks", then="wait")
    assert system.wait_for_end(job_id, deadline=60) == ["discarded"]
    left = grandchildren(system)
    assert len(left) == 2, "one of each attempt"
    wait_for(lambda: not any(map(psutil.pid_exists, left)), "nothing of it is left")
    goes_on(system, worker)


@pytest.mark.fault("F18")
def test_what_a_job_leaves_behind_holds_up_nobody_and_ends_with_the_worker(system: System) -> None:
    """The grandchild has the child's pipes and its connection to the database open, and sleeps for ever."""
    worker = system.worker()
    job_id = system.enqueue("forks", then="return")
    assert system.wait_for_end(job_id) == ["completed"]
    (left,) = grandchildren(system)
    try:
        goes_on(system, worker, children=2)  # the grandchild looks like one
        assert worker.terminate() == 0
        wait_for(lambda: not psutil.pid_exists(left), "the stray ends too")
        assert system.effects()[job_id] == 1
    finally:
        if psutil.pid_exists(left):
            os.kill(left, 9)


@pytest.mark.fault("F18")
@pytest.mark.parametrize(("how", "status"), [("return", 0), ("exit", 0), ("speak", 1)])
def test_a_copy_that_a_job_forks_says_nothing_and_works_on_nothing(system: System, how: str, status: int) -> None:
    """A copy of a worker's child that goes on is a second child: it records its own end, and takes messages."""
    worker = system.worker("-c", "1")
    job_id = system.enqueue("divides", how=how)
    assert system.wait_for_end(job_id) == ["completed"]
    assert system.job(job_id)["result"] == f"the original; its copy ended with {status}"
    assert system.effects()[job_id] == 1
    goes_on(system, worker)


@pytest.mark.fault("F18")
@pytest.mark.parametrize("how", ["fork", "spawn", "forkserver"])
def test_a_job_may_use_processes_of_its_own(system: System, how: str) -> None:
    """What runs under RQ runs here, multiprocessing included."""
    worker = system.worker("-c", "1")
    job_id = system.enqueue("multiplies", how=how)
    assert system.wait_for_end(job_id, deadline=60) == ["completed"], system.job(job_id)
    assert system.job(job_id)["result"] == [1, 2, 3]
    assert worker.terminate() == 0


def grandchildren(system: System) -> list[int]:
    """Return the process ids that the `forks` jobs have left."""
    return [int(line) for line in Path(f"{system.effects_file}.forked").read_text().splitlines()]
