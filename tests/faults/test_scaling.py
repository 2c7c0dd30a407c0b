"""A worker's pool grows and shrinks while it works: no job is cut, no attempt is lost, and the ledger says its size."""

from __future__ import annotations

from typing import Any

import pytest

from clerk_tasks.operations.workers import list_workers
from devtools.processes import Program, wait_for
from devtools.system import System, children_of


def scale(system: System, *arguments: str) -> None:
    program = system.programs.clerk("workers", "scale", "default", *arguments)
    assert program.wait() == 0, program.log


def wait_for_size(worker: Program, number: int) -> None:
    """Wait until a worker has so many children, and the ledger says so."""

    def seen() -> dict[str, Any]:
        return {"children": len(children_of(worker)), "recorded": [row["concurrency"] for row in list_workers()]}

    wanted = {"children": number, "recorded": [number]}
    wait_for(lambda: seen() == wanted, f"{worker} has {number}", deadline=60, logs=lambda: f"{seen()}\n{worker.log}")


@pytest.mark.fault("F27")
def test_a_worker_grows_and_shrinks_while_it_works(every_database: System) -> None:
    system = every_database
    worker = system.worker("-c", "1", env={"CLERK_LEASE": "3"})
    first = system.enqueue("gated")
    system.wait_until_began(first)
    second = system.enqueue("gated")
    scale(system, "3")
    wait_for_size(worker, 3)
    system.wait_until_began(second)
    scale(system, "1")
    wait_for(lambda: "runs 1 jobs at a time" in worker.log, "it shrinks", deadline=30, logs=lambda: worker.log)
    assert [system.job(job)["state"] for job in (first, second)] == ["running", "running"]
    system.open_gate()
    assert system.wait_for_end(first, second) == ["completed", "completed"]
    wait_for_size(worker, 1)
    notes = [system.enqueue("note", key=str(number)) for number in range(50)]
    assert set(system.wait_for_end(*notes)) == {"completed"}
    assert {outcome for job in (first, second, *notes) for outcome in system.attempts(job)} == {"completed"}
    assert "exited with" not in worker.log


@pytest.mark.fault("F27")
def test_shrinking_a_busy_pool_again_and_again_loses_no_attempt(system: System) -> None:
    worker = system.worker("-c", "4", env={"CLERK_LEASE": "1"})
    jobs: list[str] = []
    for size in (1, 4, 1, 3):
        jobs += [system.enqueue("note", key=f"{size}-{len(jobs)}-{number}") for number in range(150)]
        scale(system, str(size))
        wait_for_size(worker, size)
    assert set(system.wait_for_end(*jobs, deadline=60)) == {"completed"}
    assert {outcome for job in jobs for outcome in system.attempts(job)} == {"completed"}
    scale(system, "--reset")
    wait_for_size(worker, 4)
