"""The keeper of the leases: it ends what is over, kills what must end, and never an innocent."""

from __future__ import annotations

from functools import partial

import pytest

from clerk.database.held import HeldConnection
from clerk_tasks.ledger import attempts, interventions, leases, publications
from clerk_tasks.ledger.insert import Message
from clerk_tasks.worker.lease_keeper import CANCEL_GRACE, STRAY_GRACE, LeaseKeeper
from devtools.hand_clock import Clock
from devtools.processes import wait_for
from tests.integration.ledger.ledger import LedgerOf, job
from tests.unit.ledger.conftest import Children

LEASE = 30.0


@pytest.fixture
def rung() -> list[Message]:
    return []


@pytest.fixture
def keeper(held: HeldConnection, children: Children, clock: Clock, rung: list[Message]) -> LeaseKeeper:
    register = partial(
        leases.register_worker,
        instance="w",
        hostname="here",
        pid=1,
        version="1",
        queues=["q"],
        job_types=["t"],
        concurrency=1,
    )
    options = {"lease": LEASE, "renewal": LEASE / 3}
    return LeaseKeeper(held, children, "w", **options, publish=rung.extend, register=register, clock=clock)


def test_a_dead_childs_job_is_retried_at_once(ledger: LedgerOf, keeper: LeaseKeeper, children: Children) -> None:
    """Guard: `pid not in live`. The living one keeps its job."""
    lost, kept = ledger.record([job(), job()]).job_ids
    ledger.claim(lost, pid=999_999_999)
    living = children.spawn()
    ledger.claim(kept, pid=living)
    assert keeper.run_once() is True
    assert [ledger.job(name).state for name in (lost, kept)] == ["retryable", "running"]
    assert keeper.run_once() is False
    assert children.is_spared(living)


def test_a_child_that_starts_while_the_keeper_looks_is_no_dead_one(
    ledger: LedgerOf, keeper: LeaseKeeper, children: Children
) -> None:
    """Guard: the pool is asked after the rows were read; a job claimed in between belongs to a process that lives."""
    (job_id,) = ledger.record([job()]).job_ids
    children.before_looking = lambda: ledger.claim(job_id, pid=children.spawn()) and None
    keeper.run_once()
    assert ledger.job(job_id).state == "running"


def test_a_late_job_is_ended_and_its_process_killed(ledger: LedgerOf, keeper: LeaseKeeper, children: Children) -> None:
    """Guard: `past_time_limit`, and kill."""
    late, fine = ledger.record([job(time_limit=0.001), job()]).job_ids
    first, second = children.spawn(), children.spawn()
    ledger.claim(late, pid=first)
    ledger.claim(fine, pid=second)
    wait_for(lambda: keeper.run_once(), "the time limit is over")
    assert children.is_killed(first)
    assert children.is_spared(second)
    assert "time limit of 0.001 s" in ledger.job(late).error


def test_a_deaf_job_is_cancelled_and_its_process_killed(
    ledger: LedgerOf, keeper: LeaseKeeper, children: Children, rung: list[Message]
) -> None:
    """Guard: `ignores_cancel`: it has CANCEL_GRACE seconds to hear."""
    (job_id,) = ledger.record([job()]).job_ids
    pid = children.spawn()
    ledger.claim(job_id, pid=pid)
    ledger.do(interventions.cancel, job_id, by="a test")
    assert keeper.run_once() is False
    assert children.live() == {pid}
    past = f"UPDATE jobs SET cancel_requested_at = datetime(cancel_requested_at, '-{CANCEL_GRACE:g} seconds')"
    ledger.do(lambda connection: ledger.sql(connection, past))
    assert keeper.run_once() is True
    assert children.is_killed(pid)
    assert (ledger.job(job_id).state, ledger.run()) == ("cancelled", "cancelled")


def test_a_job_that_ends_just_before_it_is_given_up_costs_no_process(
    ledger: LedgerOf, keeper: LeaseKeeper, children: Children
) -> None:
    """Guard: check_owned in _end. The process has gone on to another job, and is innocent."""
    late, next_one = ledger.record([job(time_limit=0.001), job()]).job_ids
    pid = children.spawn()
    claim = ledger.claim(late, pid=pid)
    wait_for(lambda: _is_late(ledger), "the time limit is over")

    def go_on() -> None:
        children.before_looking = lambda: None
        ledger.complete(claim)
        ledger.claim(next_one, pid=pid)

    children.before_looking = go_on
    assert keeper.run_once() is False
    assert children.is_spared(pid)
    assert [ledger.job(name).state for name in (late, next_one)] == ["completed", "running"]


def _is_late(ledger: LedgerOf) -> bool:
    return any(row.past_time_limit for row in ledger.do(leases.running_of, "w", cancel_grace=1.0))


def test_a_zombie_is_killed_and_the_new_owner_is_not(
    ledger: LedgerOf, keeper: LeaseKeeper, children: Children, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Guards: a job that another runs is not claimable, and `not in owning`."""
    taken, mine = ledger.record([job(), job()]).job_ids
    zombie, busy = children.spawn(), children.spawn()
    ledger.do(leases.lost, ledger.claim(taken, pid=zombie), "its lease ended while it was stopped")
    ledger.do(publications.promote_due)
    ledger.do(attempts.claim, taken, instance="another worker", pid=zombie, lease=60.0)
    ledger.claim(mine, pid=busy)
    children.working_on = {taken: zombie, mine: busy}
    keeper.run_once()
    clock.go(STRAY_GRACE)
    keeper.run_once()
    assert children.is_killed(zombie)
    assert children.is_spared(busy)
    assert ledger.job(taken).state == "running"
    assert f"process {zombie} works on job {taken}, which is not its own any more" in caplog.text


def test_a_process_that_has_a_second_message_for_a_running_job_is_spared(
    ledger: LedgerOf, keeper: LeaseKeeper, children: Children, clock: Clock
) -> None:
    """Guard: STRAY_GRACE for a job that another runs too. Its claim is refused at once, and the process goes on.

    By the same grace lives one whose claim PostgreSQL commits after the first of the keeper's two questions.
    """
    (job_id,) = ledger.record([job()]).job_ids
    owner, second = children.spawn(), children.spawn()
    ledger.claim(job_id, pid=owner)
    for working_on in ({job_id: second}, {}) * 2:
        children.working_on = working_on
        keeper.run_once()
        clock.go(STRAY_GRACE)
    assert children.is_spared(second)
    assert children.is_spared(owner)


def test_a_process_whose_job_was_ended_by_others_is_killed_after_a_while(
    ledger: LedgerOf, keeper: LeaseKeeper, children: Children, clock: Clock
) -> None:
    """Guards: `late` in _late_strays; STRAY_GRACE; what is only about to be claimed is no stray."""
    ended, waiting = ledger.record([job(max_attempts=1), job()]).job_ids
    zombie, starting = children.spawn(), children.spawn()
    ledger.do(leases.lost, ledger.claim(ended, pid=zombie), "its lease ended while it was stopped")
    children.working_on = {ended: zombie, waiting: starting}
    keeper.run_once()
    clock.go(STRAY_GRACE - 0.1)
    keeper.run_once()
    assert children.live() == {zombie, starting}, "it may be recording that end just now"
    clock.go(0.1)
    keeper.run_once()
    assert children.is_killed(zombie)
    assert children.is_spared(starting)


def test_a_zombie_whose_job_waits_for_a_worker_again_is_killed(
    ledger: LedgerOf, keeper: LeaseKeeper, children: Children, clock: Clock
) -> None:
    """Guard: _begun. The whole machine stood still past the lease; the only process that could take the job has it."""
    (job_id,) = ledger.record([job()]).job_ids
    zombie = children.spawn()
    claim = ledger.claim(job_id, pid=zombie)
    children.working_on = {job_id: zombie}
    keeper.run_once()
    ledger.do(leases.lost, claim, "its lease ended while it was stopped")
    ledger.do(publications.promote_due)
    assert ledger.job(job_id).state == "available"
    for _ in range(2):
        keeper.run_once()
        clock.go(STRAY_GRACE)
    assert children.is_killed(zombie)


def test_a_dead_process_that_the_pool_still_believes_to_work_is_not_said_to_be_killed(
    ledger: LedgerOf, keeper: LeaseKeeper, children: Children, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Guard: `in live` of `working`. It would be said again at every pass."""
    (job_id,) = ledger.record([job(max_attempts=1)]).job_ids
    dead = children.spawn()
    ledger.claim(job_id, pid=dead)
    assert children.is_spared(dead)
    children.working_on = {job_id: dead}
    for _ in range(3):
        keeper.run_once()
        clock.go(STRAY_GRACE)
    assert ledger.job(job_id).state == "discarded"
    assert f"({dead}) died" in caplog.text
    assert "it is killed" not in caplog.text


def test_a_restored_database_is_told_of_the_worker(ledger: LedgerOf, keeper: LeaseKeeper, clock: Clock) -> None:
    """Guard: `register` where worker_seen finds nothing."""
    for _ in range(2):
        keeper.run_once()
        assert [worker.instance for worker in ledger.do(leases.live_workers, within=60.0)] == ["w"]
        ledger.do(lambda connection: ledger.sql(connection, "DELETE FROM workers"))
        clock.go(LEASE)


def test_a_process_that_has_just_finished_a_job_that_runs_elsewhere_now_is_spared(
    ledger: LedgerOf, keeper: LeaseKeeper, children: Children, clock: Clock
) -> None:
    """Guard: `not in owning`: the pool's list is behind, and the process owns another job by now."""
    retried, current = ledger.record([job(), job()]).job_ids
    pid = children.spawn()
    ledger.do(attempts.fail, ledger.claim(retried, pid=pid), "no", delay=0.0)
    ledger.do(publications.promote_due)
    ledger.do(attempts.claim, retried, instance="another worker", pid=1, lease=60.0)
    ledger.claim(current, pid=pid)
    children.working_on = {retried: pid}
    keeper.run_once()
    clock.go(STRAY_GRACE)
    keeper.run_once()
    assert children.is_spared(pid)


def test_leases_are_renewed_every_third_of_their_length(
    ledger: LedgerOf, keeper: LeaseKeeper, children: Children, clock: Clock
) -> None:
    """Guards: the clock in _renew, and the deadline in leases.renew."""
    short, long = ledger.record([job(time_limit=5.0), job()]).job_ids
    for job_id in (short, long):
        ledger.claim(job_id, pid=children.spawn(), lease=1.0)
    claimed = ledger.job(long).lease_until
    keeper.run_once()
    renewed = ledger.job(long).lease_until
    assert renewed > claimed
    clock.go(LEASE / 3 - 0.1)
    keeper.run_once()
    assert ledger.job(long).lease_until == renewed
    clock.go(0.1)
    wait_for(lambda: keeper.run_once() or ledger.job(long).lease_until > renewed, "it is renewed")
    row = ledger.job(short)
    assert row.lease_until == row.deadline_at, "never past the time limit"


def test_what_a_worker_gives_back_is_uncounted_and_its_processes_end(
    ledger: LedgerOf, keeper: LeaseKeeper, children: Children, rung: list[Message]
) -> None:
    """Guard: hand_back goes on after one that ended just now, and kills only those whose jobs it took."""
    given, asked, later = ledger.record([job(max_attempts=1), job()], [job()]).job_ids
    pids = [children.spawn(), children.spawn()]
    for job_id, pid in zip((given, asked), pids, strict=True):
        ledger.claim(job_id, pid=pid)
    ledger.do(interventions.cancel, asked, by="a test")
    keeper.hand_back()
    assert [ledger.job(name).state for name in (given, asked)] == ["retryable", "cancelled"]
    assert all(children.is_killed(pid) for pid in pids)
    assert ledger.job(later).state == "scheduled"
