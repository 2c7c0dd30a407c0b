"""A slice of work: one message, many jobs, one at a time, and what ends it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from clerk import current_job, pauses
from clerk.database.held import HeldConnection
from clerk_tasks.ledger import interventions, publications
from clerk_tasks.worker.children import Children, Work
from clerk_tasks.worker.executor import EXIT_UNRECORDED, SLICE, Executor
from devtools import claiming
from devtools.hand_clock import Clock
from tests.integration.ledger.ledger import LedgerOf, job
from tests.integration.tasks.one_job import OneJob, raising
from tests.property.database import FragileDatabase

MakeExecutor = Callable[..., Executor]


@pytest.fixture
def children() -> Iterator[Children]:
    made = Children()
    yield made
    made.close()


@pytest.fixture
def executor(on_both: LedgerOf, plugin: OneJob, clock: Clock, children: Children) -> Iterator[MakeExecutor]:
    held = HeldConnection(on_both.engine)
    yield lambda **options: claiming.executor(held, pid=os.getpid(), children=children, clock=clock, **options)
    held.close()


def states(ledger: LedgerOf) -> list[str]:
    return [row.state for row in ledger.jobs("s0")]


def test_a_slice_takes_one_job_after_the_other_in_order(
    on_both: LedgerOf, plugin: OneJob, executor: MakeExecutor
) -> None:
    """Guards: the order of Claims, and the claim in the transaction that completes, the last job of a stage too."""
    ids = on_both.record([job(priority=priority) for priority in (1, 2, 0, 1)]).job_ids
    others = on_both.record([job(queue="other"), job(job_type="unknown")], run_id="run-2").job_ids
    done: list[str] = []
    plugin.function = lambda: done.append(current_job().job_id)
    executor().run_slice("q")
    assert done == [ids[2], ids[0], ids[3], ids[1]]
    assert [on_both.job(name).state for name in others] == ["available"] * 2
    assert on_both.run() == "completed"


def test_only_one_job_is_claimed_at_a_time(on_both: LedgerOf, plugin: OneJob, executor: MakeExecutor) -> None:
    """No job waits under a busy child."""
    on_both.record([job() for _ in range(3)])
    seen: list[list[str]] = []
    plugin.function = lambda: seen.append(states(on_both))
    executor().run_slice("q")
    assert [row.count("running") for row in seen] == [1, 1, 1]


def test_a_slice_is_over_after_a_second(
    on_both: LedgerOf, plugin: OneJob, executor: MakeExecutor, clock: Clock
) -> None:
    """Guard: `until`: the other queues of the worker have their turn. A long job is a slice of its own."""
    on_both.record([job() for _ in range(4)])
    plugin.function = lambda: clock.go(SLICE / 2)
    executor().run_slice("q")
    assert states(on_both).count("completed") == 2
    plugin.function = lambda: clock.go(3600)
    executor().run_slice("q")
    assert states(on_both).count("completed") == 3


def test_a_failure_does_not_end_the_slice(on_both: LedgerOf, plugin: OneJob, executor: MakeExecutor) -> None:
    """Guard: the next job is claimed whatever became of the one before."""
    on_both.record([job(max_attempts=1) for _ in range(3)])
    calls = iter([ValueError("no"), None, None])

    def function() -> None:
        if error := next(calls):
            raise error

    plugin.function = function
    executor().run_slice("q")
    assert states(on_both) == ["discarded", "completed", "completed"]


def test_a_worker_that_stops_is_seen_between_two_jobs(
    on_both: LedgerOf, plugin: OneJob, executor: MakeExecutor, children: Children
) -> None:
    """Guard: `stopping`: a warm shutdown waits for one job, not for a slice; and no slice begins after it."""
    on_both.record([job() for _ in range(2)])
    plugin.function = children.stop
    worker = executor()
    for _ in range(2):
        worker.run_slice("q")
        assert states(on_both) == ["completed", "available"]


def test_a_cancelled_job_is_not_begun(on_both: LedgerOf, plugin: OneJob, executor: MakeExecutor) -> None:
    """What is cancelled during the slice is not available any more."""
    _, second, _ = on_both.record([job() for _ in range(3)]).job_ids

    def cancel_second() -> None:
        if states(on_both)[1] == "available":
            on_both.do(interventions.cancel, second, by="a test")

    plugin.function = cancel_second
    executor().run_slice("q")
    assert states(on_both) == ["completed", "cancelled", "completed"]


def test_a_child_is_worn_out_by_jobs_not_by_messages(on_both: LedgerOf, plugin: OneJob, executor: MakeExecutor) -> None:
    """Guard: `worn_out` ends the slice, so that the process is replaced between two jobs."""
    on_both.record([job() for _ in range(5)])
    worker = executor(most=3)
    worker.run_slice("q")
    assert (states(on_both).count("completed"), worker.worn_out) == (3, True)


def test_a_slice_ends_when_other_jobs_become_available(
    on_both: LedgerOf, plugin: OneJob, executor: MakeExecutor
) -> None:
    """They may be of another queue, and only the parent publishes."""
    on_both.record([job()], [job(queue="later"), job()])
    on_both.record([job()], run_id="run-2")
    executor().run_slice("q")
    assert states(on_both).count("completed") == 1
    assert [row.state for row in on_both.jobs("s1")] == ["available"] * 2


def test_the_parent_sees_what_a_child_works_on(
    on_both: LedgerOf, plugin: OneJob, executor: MakeExecutor, children: Children
) -> None:
    """Guards: works_on and rest; the keeper renews no lease of which the child knows nothing."""
    ids = on_both.record([job() for _ in range(2)]).job_ids
    seen = []
    plugin.function = lambda: seen.append(children.working())
    executor().run_slice("q")
    assert seen == [{os.getpid(): Work(job_id, 1)} for job_id in ids]
    assert children.working() == {}


def test_a_message_is_answered_before_the_first_look(on_both: LedgerOf, plugin: OneJob, executor: MakeExecutor) -> None:
    """Guard: `answered` in _first: what is recorded during the slice brings its own message."""
    on_both.record([job()])
    on_both.do(publications.register_queues, ["q"])
    assert on_both.do(publications.announce, "q") is True
    assert on_both.do(publications.announce, "q") is False
    needed = []
    plugin.function = lambda: needed.append(on_both.do(publications.announce, "q"))
    executor().run_slice("q")
    assert needed == [True]


def test_an_end_that_cannot_be_recorded_ends_the_process(plugin: OneJob, sqlite_url: str, children: Children) -> None:
    """Guard: `SystemExit` in _record: the keeper then ends the attempt, which nothing else would for its time limit."""
    ledger, database = LedgerOf(sqlite_url), FragileDatabase(sqlite_url)
    ledger.record([job(), job()])
    worker = claiming.executor(HeldConnection(database.engine), children=children)

    def fail_from_now_on() -> None:
        database.lose_answer("UPDATE")

    plugin.function = fail_from_now_on
    with pytest.raises(SystemExit) as ended:
        worker.run_slice("q")
    assert ended.value.code == EXIT_UNRECORDED
    assert children.working() == {}
    database.lose_answer(None)
    worker.held.close()
    ledger.engine.dispose()
    database.close()


def test_a_claim_that_was_recorded_with_an_end_is_found(
    on_both: LedgerOf, database_url: str, plugin: OneJob, children: Children
) -> None:
    """A crash after the statement that completes one job and claims the next: the next slice ends what it left."""
    lost = {"sqlite": "COMMIT", "postgresql": "WITH own AS"}[on_both.engine.dialect.name]
    database = FragileDatabase(database_url)
    on_both.record([job() for _ in range(3)])
    worker = claiming.executor(HeldConnection(database.engine), children=children)
    calls = []

    def function() -> None:
        calls.append(current_job().job_id)
        database.lose_answer(lost if len(calls) == 1 else None)

    plugin.function = function
    worker.run_slice("q")
    database.lose_answer(None)
    worker.run_slice("q")
    on_both.do(publications.promote_due)
    worker.run_slice("q")
    assert states(on_both) == ["completed"] * 3
    assert len(set(calls)) == 3
    worker.held.close()
    database.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_an_end_waits_while_the_database_is_read_only(
    on_both: LedgerOf, plugin: OneJob, executor: MakeExecutor
) -> None:
    """Guard: SQLSTATE 25006 is the server's state, not the job's fault: after a failover the end is recorded."""
    on_both.record([job() for _ in range(3)])
    worker = executor()

    def function() -> None:
        with worker.held.statement() as connection:
            connection.execute(sa.text("SET default_transaction_read_only = on"))

    plugin.function = function
    worker.run_slice("q")
    assert states(on_both) == ["completed"] * 3
    assert {row.attempt for row in on_both.jobs("s0")} == {1}


def test_a_pause_ends_the_slice(on_both: LedgerOf, plugin: OneJob, executor: MakeExecutor, children: Children) -> None:
    """Guard: `pauses` in run_slice: what is paused between two jobs is not claimed after the one that runs."""
    on_both.record([job() for _ in range(3)])

    def pause_all() -> None:
        on_both.do(pauses.pause, "all", "everything", reason="r", by="a test", seconds=None)
        children.pauses_changed()

    plugin.function = pause_all
    worker = executor()
    worker.run_slice("q")
    worker.run_slice("q")
    assert states(on_both) == ["completed", "available", "available"]


def test_a_process_that_cannot_call_a_job_takes_no_other(
    on_both: LedgerOf, plugin: OneJob, executor: MakeExecutor
) -> None:
    """Guard: `claimant = None` in _settle: it would hand back all jobs of the queue, one after the other."""
    plugin.initialiser = raising(OSError("no licence"))
    ids = on_both.record([job(queue="one-job") for _ in range(3)]).job_ids
    executor().run_slice("one-job")
    assert [on_both.job(job_id).state for job_id in ids] == ["retryable", "available", "available"]


def test_a_child_beyond_the_limit_ends_its_slice_after_its_job(
    on_both: LedgerOf, plugin: OneJob, executor: MakeExecutor, children: Children
) -> None:
    """And it is not among those that may be killed before that."""
    on_both.record([job() for _ in range(3)])
    seen: list[set[int]] = []

    def shrink() -> None:
        children.limit(0)
        seen.append(children.retired())

    plugin.function = shrink
    child = executor()
    child.run_slice("q")
    assert states(on_both) == ["completed", "available", "available"]
    assert (seen, children.retired(), child.worn_out) == ([set()], {os.getpid()}, True)
    child.run_slice("q")
    assert states(on_both) == ["completed", "available", "available"], "it begins no other"
    children.limit(1)
    assert (children.retired(), child.worn_out) == (set(), False)
