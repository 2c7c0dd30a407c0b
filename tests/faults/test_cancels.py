"""Cancels: whatever the job is doing, and whoever is restarted meanwhile, the run reaches `cancelled`."""

from __future__ import annotations

import pytest

from clerk.acts import operator
from devtools.breakable import BreakableBroker
from devtools.processes import wait_for
from devtools.system import System, children_of


def cancel(system: System, kind: str, name: str) -> None:
    """Run `clerk-tasks jobs|runs cancel`."""
    program = system.programs.clerk(kind, "cancel", name)
    assert program.wait() == 0, program.log


def wait_for_run(system: System, job_id: str, state: str = "cancelled", *, deadline: float = 30.0) -> None:
    """Wait until the job's run has ended so."""
    run_id = system.job(job_id)["run_id"]
    wait_for(
        lambda: system.run(run_id)["state"] == state,
        f"run {run_id} is {state}",
        deadline=deadline,
        logs=lambda: f"{system.run(run_id)}\n{system.programs.logs()}",
    )


@pytest.mark.slow
@pytest.mark.fault("F24")
@pytest.mark.fast
def test_a_job_cancelled_while_it_waits_never_runs(every_system: System) -> None:
    """Queued: its message is in the broker already, and says nothing any more; the next job finds the way free."""
    system = every_system
    system.worker()
    blocker = system.enqueue("gated")
    system.wait_until_began(blocker)
    job_id = system.enqueue("note")
    cancel(system, "jobs", job_id)
    wait_for_run(system, job_id)
    system.open_gate()
    last = system.enqueue("note", key="last", priority="low")
    assert system.wait_for_end(blocker, last) == ["completed"] * 2
    assert system.attempts(job_id) == []
    assert system.effects() == {blocker: 1, last: 1}


@pytest.mark.slow
@pytest.mark.fault("F24")
@pytest.mark.fast
def test_a_running_job_is_cancelled_at_its_next_checkpoint(every_database: System) -> None:
    """Running: it looks, stops by itself, and its process does the next job."""
    system = every_database
    worker = system.worker("-c", "1")
    child = children_of(worker)[0].pid
    job_id = system.enqueue("gated", polite=True)
    system.wait_until_began(job_id)
    cancel(system, "jobs", job_id)
    job = system.wait_until(job_id, "cancelled", deadline=5)
    assert job["error"] == f"cancelled by {operator()}; it stopped at a checkpoint"
    wait_for_run(system, job_id)
    assert [process.pid for process in children_of(worker)] == [child], "nobody was killed"
    assert system.effects() == {}


@pytest.mark.fault("F24")
def test_a_running_job_that_does_not_listen_is_killed_when_cancelled(every_database: System) -> None:
    """Running: ten seconds to notice, then its process is killed, and the pool is whole again."""
    system = every_database
    worker = system.worker("-c", "1")
    child = children_of(worker)[0].pid
    job_id = system.enqueue("gated")
    system.wait_until_began(job_id)
    cancel(system, "jobs", job_id)
    job = system.wait_until(job_id, "cancelled", deadline=20)
    assert job["error"] == f"cancelled by {operator()}; it did not stop by itself, and was killed"
    wait_for_run(system, job_id)
    wait_for(lambda: child not in {process.pid for process in children_of(worker)}, "its process was killed")
    assert system.wait_for_end(system.enqueue("note")) == ["completed"]
    assert job_id not in system.effects()


@pytest.mark.slow
@pytest.mark.fault("F24")
@pytest.mark.fast
def test_a_run_cancelled_during_its_fan_in_ends_cancelled(every_database: System) -> None:
    """Fan-in: some children are done, one runs, one waits; bare Celery's chord would hang."""
    system = every_database
    system.worker("-c", "1")
    parent = system.enqueue("fans", children=2, gated=2)
    run_id = system.job(parent)["run_id"]

    def children(state: str) -> list[str]:
        return [job["id"] for job in system.run(run_id)["jobs"] if job["state"] == state and job["id"] != parent]

    wait_for(lambda: len(children("completed")) == 2 and children("running"), "one is left", logs=system.programs.logs)
    waiting, running = children("available"), children("running")
    assert (len(waiting), len(running)) == (1, 1)
    cancel(system, "runs", run_id)
    wait_for_run(system, parent)
    assert sorted(children("cancelled")) == sorted(waiting + running)
    assert set(system.effects()) == set(children("completed"))


@pytest.mark.fault("F24")
def test_the_last_child_that_is_cancelled_by_itself_ends_the_run(every_database: System) -> None:
    """Fan-in: one job of many is unwanted: the others' work stands, and the run is not left waiting for it."""
    system = every_database
    system.worker("-c", "1")
    parent = system.enqueue("fans", children=2, gated=1)
    run_id = system.job(parent)["run_id"]

    def running() -> list[str]:
        jobs = system.run(run_id)["jobs"]
        return [job["id"] for job in jobs if job["state"] == "running" and job["job_type"] == "gated"]

    (last,) = wait_for(running, "the last child runs", logs=system.programs.logs)
    cancel(system, "jobs", last)
    wait_for_run(system, parent, "completed")
    assert len(system.effects()) == 2


@pytest.mark.fault("F24")
@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_a_cancel_outlives_the_worker_that_should_see_to_it(every_database: System, end: str) -> None:
    """A revoke lost by a restart: the worker is gone before it has noticed the request, which is in the row."""
    system = every_database
    worker = system.worker("-c", "1")
    job_id = system.enqueue("gated")
    system.wait_until_began(job_id)
    cancel(system, "runs", system.job(job_id)["run_id"])
    assert system.job(job_id)["state"] == "running"
    getattr(worker, end)()
    system.worker("-c", "1")
    wait_for_run(system, job_id)
    assert system.wait_for_end(system.enqueue("note")) == ["completed"]
    assert system.job(job_id)["attempt"] == 1
    assert job_id not in system.effects()


@pytest.mark.fault("F24")
def test_a_cancel_outlives_the_broker(own_broker_system: System, own_broker: BreakableBroker) -> None:
    """A revoke lost by a restart: the broker is down during the request, which does not need it."""
    system = own_broker_system
    system.worker("-c", "1")
    running = system.enqueue("gated", polite=True)
    system.wait_until_began(running)
    waiting = system.enqueue("note")
    own_broker.kill()
    for job_id in (waiting, running):
        cancel(system, "runs", system.job(job_id)["run_id"])
        wait_for_run(system, job_id)
    own_broker.heal()
    last = system.enqueue("note", key="last")
    assert system.wait_for_end(last, deadline=60) == ["completed"]
    assert system.effects() == {last: 1}
