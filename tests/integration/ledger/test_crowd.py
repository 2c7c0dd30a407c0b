"""Many workers at once on PostgreSQL, the only database that lets two transactions meet: no deadlock, one opening."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import sqlalchemy as sa

from clerk.errors import ConflictError
from clerk.jobs import Fenced
from clerk_tasks.ledger import interventions
from clerk_tasks.ledger.insert import Message, NewStage
from devtools import claiming
from tests.integration.ledger.ledger import LedgerOf, job

THREADS = 8
JOBS = 240

pytestmark = pytest.mark.slow


def crowd(ledger: LedgerOf, deliveries: Sequence[Callable[[], object]]) -> None:
    """Make the calls from many threads; an error of any is ours."""
    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(call) for call in deliveries]:
            done.result(timeout=100)
    with ledger.engine.connect() as connection:
        connection.execute(sa.text("SELECT pg_stat_force_next_flush()"))
    with ledger.engine.connect() as connection:
        statistic = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        assert connection.execute(sa.text(statistic)).scalar() == 0


class Worker:
    """Delivers a message: claims, completes with children, and keeps what it was told to ring."""

    def __init__(self, ledger: LedgerOf) -> None:
        self.ledger = ledger
        self.completed: list[str] = []
        self.rung: list[Message] = []

    def deliver(self, job_id: str, *stages: str | None) -> None:
        claim = self.ledger.do(claiming.claim, job_id, instance="w", pid=1, lease=60.0)
        if claim is None:
            return
        try:
            messages = self.ledger.complete(claim, *(job(stage=stage) for stage in stages))
        except Fenced:
            return
        self.completed.append(job_id)
        self.rung += messages


def test_the_last_of_many_finishers_opens_the_next_stage_once(postgres_ledger: LedgerOf) -> None:
    """Guards: the claim's state, so that two deliveries are one; _CLOSE, so that one finisher opens."""
    ledger, worker = postgres_ledger, Worker(postgres_ledger)
    ids = ledger.record([job() for _ in range(JOBS)], [job(), job()], [job()]).job_ids
    first, second, last = ids[:JOBS], ids[JOBS : JOBS + 2], ids[-1]
    deliveries = first * 2
    random.Random(1).shuffle(deliveries)
    crowd(ledger, [partial(worker.deliver, job_id) for job_id in deliveries])
    assert sorted(worker.completed) == sorted(first)
    assert sorted(message.job_id for message in worker.rung) == sorted(second), "each job of the next stage rings once"
    crowd(ledger, [partial(worker.deliver, job_id) for job_id in second * 4])
    assert [message.job_id for message in worker.rung[2:]] == [last]


def test_children_of_many_parents_are_all_counted(postgres_ledger: LedgerOf) -> None:
    """Guards: the children's counts and the parent's in one transaction, stages locked in one order."""
    ledger, worker = postgres_ledger, Worker(postgres_ledger)
    parents = ledger.record([job() for _ in range(JOBS)], [], []).job_ids
    crowd(ledger, [partial(worker.deliver, job_id, "s2", "s1", "s1") for job_id in parents * 2])
    assert sorted(message.job_id for message in worker.rung) == [row.id for row in ledger.jobs("s1")]
    assert len(worker.rung) == 2 * JOBS
    ledger.check()
    crowd(ledger, [partial(worker.deliver, message.job_id) for message in list(worker.rung)])
    assert sum(row.state == "available" for row in ledger.jobs("s2")) == JOBS


@pytest.mark.parametrize("seed", range(3))
def test_a_run_cancelled_while_many_finish_leaves_nothing_behind(postgres_ledger: LedgerOf, seed: int) -> None:
    """Guards: jobs are locked before stages by cancel_run, too, and admit_children looks at the stage it locked."""
    ledger, worker = postgres_ledger, Worker(postgres_ledger)
    ids = ledger.record([job() for _ in range(JOBS)], [job() for _ in range(20)], []).job_ids
    deliveries: list[Callable[[], object]] = [
        *(partial(worker.deliver, job_id, "s1", None, "s2") for job_id in ids[:JOBS] * 2),
        *(partial(cancel, ledger, job_id) for job_id in ids[JOBS // 2 :: 7]),
    ]
    random.Random(seed).shuffle(deliveries)
    deliveries.insert(len(deliveries) // 4, partial(ledger.do, interventions.cancel_run, "run", by="a test"))
    crowd(ledger, deliveries)
    left = [row for stage in ("s0", "s1", "s2") for row in ledger.jobs(stage) if row.state == "running"]
    assert left == [], "whoever ran has ended"
    assert ledger.run() != "running"


def test_jobs_cancelled_and_retried_while_their_stage_opens(postgres_ledger: LedgerOf) -> None:
    """Guards: hold_waiting before _OPEN, and retry's look at the stage that it locked."""
    ledger, worker = postgres_ledger, Worker(postgres_ledger)
    for turn in range(15):
        ids = ledger.record([job(), job()], [job() for _ in range(20)], run_id=f"run-{turn}").job_ids
        first, later = ids[:2], ids[2:]
        toggles = [partial(toggle, ledger, job_id) for job_id in later]
        deliveries = [partial(worker.deliver, job_id, "s1") for job_id in first]
        calls: list[Callable[[], object]] = [*toggles[:10], *deliveries, *toggles[10:]]
        crowd(ledger, calls)
        ledger.check()


def test_stages_that_join_a_run_as_it_ends_keep_it_running(postgres_ledger: LedgerOf) -> None:
    """Guards: _HOLD_STAGES and _REOPEN_RUN: whoever comes last, the run's state is its stages'."""
    ledger, worker = postgres_ledger, Worker(postgres_ledger)
    for turn in range(30):
        run_id = f"run-{turn}"
        (last,) = ledger.record([job()], run_id=run_id).job_ids
        joining = NewStage(name="joined", jobs=[job()])
        crowd(ledger, [partial(worker.deliver, last), partial(ledger.record, joining, run_id=run_id)])
        ledger.check()


def cancel(ledger: LedgerOf, job_id: str) -> None:
    try:
        ledger.do(interventions.cancel, job_id, by="a test")
    except ConflictError:
        return


def toggle(ledger: LedgerOf, job_id: str) -> None:
    cancel(ledger, job_id)
    try:
        ledger.do(interventions.retry, job_id)
    except ConflictError:
        return
