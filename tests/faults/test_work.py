"""Jobs run by real workers: on every broker and database they run once, whatever is delivered."""

from __future__ import annotations

import pytest

from clerk.ledger.record import Bell
from tests.support.processes import wait_for
from tests.support.system import System, children_of


@pytest.mark.slow
def test_a_job_runs_everywhere(every_system: System) -> None:
    """A message that a worker can read, a claim, an effect, an end; and a second message for it does nothing.

    Guard: `state = 'available'` in _CLAIM, for the duplicate.
    """
    from clerk_tasks.publisher import publisher

    every_system.worker("-c", "2")
    first = every_system.enqueue("note", key="first")
    assert every_system.wait_for_end(first) == ["completed"]
    publisher().publish([Bell(first, "note", "default", 1)] * 3)
    last = every_system.enqueue("note", key="last", priority="low")
    assert every_system.wait_for_end(last) == ["completed"]
    assert every_system.effects() == {first: 1, last: 1}
    assert every_system.attempts(first) == ["completed"]


@pytest.mark.slow
def test_children_run_and_the_run_ends(system: System) -> None:
    """Guard: the children's bells are rung after the parent's commit."""
    system.worker("-c", "2")
    parent = system.enqueue("fans", children=5)
    run_id = system.job(parent)["run_id"]
    wait_for(lambda: system.run(run_id)["state"] == "completed", "the run ends", deadline=30, logs=system.programs.logs)
    assert list(system.effects().values()) == [1] * 5
    assert len(system.run(run_id)["jobs"]) == 6


def test_a_burst_does_what_there_is_and_exits(system: System) -> None:
    """Guard: has_work. It relays first: these messages were never published, since no broker ran."""
    ids = [system.enqueue("note", key=f"k{number}") for number in range(5)]
    burst = system.programs.clerk("worker", "default", "-c", "1", "--burst")
    assert burst.wait(deadline=60) == 0, burst.log
    assert [system.job(job_id)["state"] for job_id in ids] == ["completed"] * 5
    assert burst.children() == []


RAISED = {
    "Retry": ("discarded", 2, "later"),
    "Discard": ("discarded", 1, "never"),
    "Cancel": ("cancelled", 1, "not wanted"),
    "ValueError": ("discarded", 2, "ValueError: a bad value"),
    "MemoryError": ("discarded", 2, "MemoryError"),
    "SystemExit": ("discarded", 2, "SystemExit: 3"),
    "KeyboardInterrupt": ("discarded", 2, "KeyboardInterrupt"),
    "Awkward": ("discarded", 2, "Awkward: one ? ?"),
}


@pytest.mark.slow
def test_whatever_a_job_raises_the_worker_goes_on(system: System) -> None:
    """Guards: `except BaseException` in the executor, and _storable: no database takes a NUL or half a character.

    Bare Celery's worker dies of the MemoryError, and hands it to the next.
    """
    worker = system.worker("-c", "2")
    raised = {what: system.enqueue("raises", what=what) for what in RAISED}
    system.wait_for_end(*raised.values())
    for what, (state, attempts, error) in RAISED.items():
        job = system.job(raised[what])
        assert (job["state"], job["attempt"]) == (state, attempts), job
        assert job["error"].startswith(error)
        assert len(job["attempts"]) == attempts
    assert len(children_of(worker)) == 2
    assert system.wait_for_end(system.enqueue("note")) == ["completed"]
