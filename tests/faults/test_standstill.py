"""A process that is stopped while it holds a lock: whoever wants that too is kept for a while, and not for ever."""

from __future__ import annotations

import os
import signal

import pytest
import sqlalchemy as sa

from clerk.errors import DatabaseUnavailable
from clerk.jobs import JobRequest
from clerk_tasks.dispatcher import enqueue
from clerk_tasks.worker.steps import EXIT_WEDGED
from devtools import messages
from devtools.processes import wait_for
from devtools.system import SITE, System, children_of

#: What Celery says of an order to shrink a pool whose children are in a slice.
SHRINK_REFUSED = "Can't shrink pool"


@pytest.mark.fault("F4")
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_worker_stopped_in_a_transaction_is_taken_over(every_database: System) -> None:
    """Found by the soak: stopped between BEGIN and COMMIT, it keeps the locks that a take-over needs."""
    system = every_database
    sleeper = system.worker("-c", "1")
    job_id = system.enqueue("holds")
    wait_for(lambda: system.effects()[job_id], "the job is inside its fence", logs=system.programs.logs)
    family = [sleeper.pid, *(child.pid for child in children_of(sleeper))]
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    system.worker("-c", "1")
    system.wait_until_began(job_id, attempt=2)
    system.open_gate()
    assert system.wait_for_end(job_id) == ["completed"]
    for pid in reversed(family):
        os.kill(pid, signal.SIGCONT)
    assert system.wait_for_end(*(system.enqueue("note", key=f"k{n}") for n in range(4))) == ["completed"] * 4
    assert system.attempts(job_id) == ["lost", "completed"]
    assert sleeper.alive


@pytest.mark.fault("F9")
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_lock_that_somebody_keeps_ends_in_advice(every_database: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command waits for another program's lock as it does on SQLite, for a while."""
    for module in ("engine", "advice"):  # the wait, and what the error says of it
        monkeypatch.setattr(f"clerk.database.{module}.BUSY_TIMEOUT", 1)
    with every_database.engine.begin() as connection:
        connection.execute(sa.text("LOCK TABLE runs IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(DatabaseUnavailable, match="stayed locked for 1 s"):
            every_database.enqueue("note")
    assert every_database.enqueue("note")


@pytest.mark.fault("F4")
def test_a_job_that_keeps_its_row_locked_is_killed_at_its_time_limit(every_database: System) -> None:
    """Guard: `held_elsewhere`, and on SQLite `except DatabaseUnavailable`: the end is recorded once it is dead."""
    system = every_database
    worker = system.worker("-c", "2")
    [late] = enqueue(JobRequest("holds", SITE), time_limit=3.0).job_ids
    worker.wait_for_log("It ran past its time limit of 3 s and was killed.", deadline=100)  # SQLite: two waits of 30 s
    system.open_gate()
    assert system.wait_for_end(late, deadline=60) == ["completed"]
    assert system.attempts(late) == ["lost", "completed"]
    assert worker.alive


@pytest.mark.fault("F4")
def test_an_idle_child_that_takes_nothing_is_replaced(system: System) -> None:
    """Guard: REPLACE_IDLE_CHILDREN: a stopped child keeps its message, and jobs waited until it woke up."""
    worker = system.worker("-c", "1")
    assert system.wait_for_end(system.enqueue("note", key="first")) == ["completed"]
    [child] = children_of(worker)
    child.suspend()
    waiting = system.enqueue("note", key="second")
    assert system.wait_for_end(waiting, deadline=40) == ["completed"]
    assert "and 1 idle children take none: they are replaced" in worker.log
    assert worker.alive


LOSES_EVERY_MESSAGE = """
from celery.concurrency.prefork import TaskPool

start = TaskPool.on_start

def on_start(pool):
    start(pool)
    pool.on_apply = lambda *arguments, **options: None

TaskPool.on_start = on_start
"""


@pytest.mark.fault("F4")
def test_a_worker_that_takes_nothing_ends(system: System) -> None:
    """Guard: REPLACE_WORKER: `up`, or what else keeps it running, starts another."""
    patch = system.plugins / "loses.py"
    patch.write_text(LOSES_EVERY_MESSAGE)
    worker = system.worker("-c", "1")
    patch.unlink()
    waiting = system.enqueue("note")
    assert worker.wait(deadline=60) == EXIT_WEDGED, worker.log
    assert system.job(waiting)["attempt"] == 0
    system.worker("-c", "1")
    assert system.wait_for_end(waiting) == ["completed"]


@pytest.mark.fault("F4")
def test_a_worker_without_a_child_gets_one_again(system: System) -> None:
    """An order by remote control has left its pool empty: the ledger says how many children it has."""
    worker = system.worker("-c", "1")
    assert system.wait_for_end(system.enqueue("note", key="first")) == ["completed"]
    [child] = children_of(worker)
    while child in children_of(worker):
        refused = worker.log.count(SHRINK_REFUSED)  # as long as the slice of the first job goes on
        messages.broadcast('{"method": "pool_shrink", "arguments": {"n": 1}}')
        wait_for(
            lambda refused=refused: child not in children_of(worker) or worker.log.count(SHRINK_REFUSED) > refused,  # type: ignore[misc]
            "the child is gone",
            logs=lambda: worker.log,
        )
    assert system.wait_for_end(system.enqueue("note")) == ["completed"]
    assert children_of(worker)
