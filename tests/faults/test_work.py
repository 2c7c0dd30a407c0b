"""Jobs run by real workers: their children run, a burst ends, and whatever they raise the worker goes on."""

from __future__ import annotations

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
