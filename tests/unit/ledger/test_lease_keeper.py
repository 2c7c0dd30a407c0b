"""The keeper of the leases: it ends what is over, kills what must end, and never an innocent."""

from __future__ import annotations

import pytest

from clerk.database.held import HeldConnection
from clerk_tasks.ledger import interventions, leases, publications
from clerk_tasks.worker.children import Work
from clerk_tasks.worker.lease_keeper import CANCEL_GRACE, STRAY_GRACE, LeaseKeeper
from devtools import claiming
from devtools.hand_clock import Clock
from devtools.processes import wait_for
from tests.integration.ledger.keepers import LEASE, Children, keeper_of
from tests.integration.ledger.ledger import LedgerOf, job


@pytest.fixture
def keeper(held: HeldConnection, children: Children, clock: Clock) -> LeaseKeeper:
    return keeper_of(held, children, clock)


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
    first, second = ledger.record([job(), job()]).job_ids
    ledger.claim(first, pid=children.spawn())
    children.before_looking = lambda: ledger.claim(second, pid=children.spawn()) and None
    keeper.run_once()
    assert ledger.job(second).state == "running"


def test_a_late_job_is_ended_and_its_process_killed(ledger: LedgerOf, keeper: LeaseKeeper, children: Children) -> None:
    """Guard: `past_time_limit`, and kill."""
    late, fine = ledger.record([job(time_limit=0.001), job()]).job_ids
    first, second = children.spawn(), children.spawn()
    children.works_on(ledger.claim(late, pid=first))
    children.works_on(ledger.claim(fine, pid=second))
    wait_for(lambda: keeper.run_once(), "the time limit is over")
    assert children.is_killed(first)
    assert children.is_spared(second)
    assert "time limit of 0.001 s" in ledger.job(late).error


def test_a_deaf_job_is_cancelled_and_its_process_killed(
    ledger: LedgerOf, keeper: LeaseKeeper, children: Children
) -> None:
    """Guard: `ignores_cancel`: it has CANCEL_GRACE seconds to hear."""
    (job_id,) = ledger.record([job()]).job_ids
    pid = children.spawn()
    children.works_on(ledger.claim(job_id, pid=pid))
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


def test_a_process_that_goes_on_while_the_end_is_recorded_is_spared(
    ledger: LedgerOf, keeper: LeaseKeeper, children: Children
) -> None:
    """Guard: _kill asks what the process works on, once the end is recorded."""
    late, next_one = ledger.record([job(time_limit=0.001), job()]).job_ids
    pid = children.spawn()
    ledger.claim(late, pid=pid)
    children.works_on(ledger.claim(next_one, pid=pid))
    wait_for(lambda: keeper.run_once(), "the time limit is over")
    assert children.is_spared(pid)
    assert [ledger.job(name).state for name in (late, next_one)] == ["retryable", "running"]


def _is_late(ledger: LedgerOf) -> bool:
    return any(row.past_time_limit for row in ledger.do(leases.running_of, "w", cancel_grace=1.0))


def test_a_zombie_is_killed_and_the_new_owner_is_not(
    ledger: LedgerOf, keeper: LeaseKeeper, children: Children, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Guard: `worked - owned`: another worker's process, of the same number, owns the job now."""
    taken, mine = ledger.record([job(), job()]).job_ids
    zombie, busy = children.spawn(), children.spawn()
    ledger.do(leases.lost, ledger.claim(taken, pid=zombie), "its lease ended while it was stopped")
    ledger.do(publications.promote_due)
    ledger.do(claiming.claim, taken, instance="another worker", pid=zombie, lease=60.0)
    ledger.claim(mine, pid=busy)
    children.working_on = {zombie: Work(taken, 1), busy: Work(mine, 1)}
    keeper.run_once()
    clock.go(STRAY_GRACE)
    keeper.run_once()
    assert children.is_killed(zombie)
    assert children.is_spared(busy)
    assert ledger.job(taken).state == "running"
    assert f"killing process {zombie}: it still works on job {taken}, which another attempt owns" in caplog.text


def test_a_process_that_has_recorded_the_end_and_not_said_so_yet_is_spared(
    ledger: LedgerOf, keeper: LeaseKeeper, children: Children, clock: Clock
) -> None:
    """Guard: STRAY_GRACE, and that it begins again with each job."""
    ids = ledger.record([job() for _ in range(4)]).job_ids
    pid = children.spawn()
    for job_id in ids:
        ledger.complete(ledger.claim(job_id, pid=pid))
        children.working_on = {pid: Work(job_id, 1)}
        keeper.run_once()
        clock.go(STRAY_GRACE - 0.1)
    assert children.is_spared(pid)


def test_a_process_whose_job_was_ended_by_others_is_killed_after_a_while(
    ledger: LedgerOf, keeper: LeaseKeeper, children: Children, clock: Clock
) -> None:
    """Guards: `late` in _late_strays; STRAY_GRACE. A process that says nothing is no stray."""
    (ended,) = ledger.record([job(max_attempts=1)]).job_ids
    zombie, starting = children.spawn(), children.spawn()
    ledger.do(leases.lost, ledger.claim(ended, pid=zombie), "its lease ended while it was stopped")
    children.working_on = {zombie: Work(ended, 1)}
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
    """The whole machine stood still past the lease; the only process that could take the job has it."""
    (job_id,) = ledger.record([job()]).job_ids
    zombie = children.spawn()
    claim = ledger.claim(job_id, pid=zombie)
    children.working_on = {zombie: Work(job_id, 1)}
    keeper.run_once()
    ledger.do(leases.lost, claim, "its lease ended while it was stopped")
    ledger.do(publications.promote_due)
    assert ledger.job(job_id).state == "available"
    for _ in range(2):
        keeper.run_once()
        clock.go(STRAY_GRACE)
    assert children.is_killed(zombie)


def test_a_dead_process_that_was_at_work_is_not_reported_as_killed(
    ledger: LedgerOf, keeper: LeaseKeeper, children: Children, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Guard: `in live` of `worked`. It would be said again at every pass."""
    (job_id,) = ledger.record([job(max_attempts=1)]).job_ids
    dead = children.spawn()
    ledger.claim(job_id, pid=dead)
    assert children.is_spared(dead)
    children.working_on = {dead: Work(job_id, 1)}
    for _ in range(3):
        keeper.run_once()
        clock.go(STRAY_GRACE)
    assert ledger.job(job_id).state == "discarded"
    assert f"({dead}) died" in caplog.text
    assert "killing process" not in caplog.text


def test_a_restored_database_is_told_of_the_worker(ledger: LedgerOf, keeper: LeaseKeeper, clock: Clock) -> None:
    """Guard: `register` where worker_seen finds nothing."""
    for _ in range(2):
        keeper.run_once()
        assert [worker.instance for worker in ledger.do(leases.live_workers, within=60.0)] == ["w"]
        ledger.do(lambda connection: ledger.sql(connection, "DELETE FROM workers"))
        clock.go(LEASE)


def test_a_job_that_its_process_does_not_work_on_is_not_renewed(
    ledger: LedgerOf, keeper: LeaseKeeper, children: Children, clock: Clock
) -> None:
    """Guard: `worked & owned` in run_once. Its process lives, and has lost it; only the end of the lease frees it."""
    forgotten, earlier, current = ledger.record([job(), job(), job()]).job_ids
    for job_id in (forgotten, earlier, current):
        pid = children.spawn()
        ledger.claim(job_id, pid=pid, lease=1.0)
        children.working_on[pid] = Work(job_id, 1)
        if job_id == forgotten:
            del children.working_on[pid]
        elif job_id == earlier:
            children.working_on[pid] = Work(job_id, 7)
    before = [ledger.job(name).lease_until for name in (forgotten, earlier, current)]
    keeper.run_once()
    after = [ledger.job(name).lease_until for name in (forgotten, earlier, current)]
    assert [then == now for then, now in zip(before, after, strict=True)] == [True, True, False]


def test_leases_are_renewed_every_third_of_their_length(
    ledger: LedgerOf, keeper: LeaseKeeper, children: Children, clock: Clock
) -> None:
    """Guards: the clock in _renew, and the deadline in leases.renew."""
    short, long = ledger.record([job(time_limit=5.0), job()]).job_ids
    for job_id in (short, long):
        pid = children.spawn()
        ledger.claim(job_id, pid=pid, lease=1.0)
        children.working_on[pid] = Work(job_id, 1)
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
    ledger: LedgerOf, keeper: LeaseKeeper, children: Children
) -> None:
    """Guard: hand_back goes on after one that ended just now, and kills only those whose jobs it took."""
    given, asked, later = ledger.record([job(max_attempts=1), job()], [job()]).job_ids
    pids = [children.spawn(), children.spawn()]
    for job_id, pid in zip((given, asked), pids, strict=True):
        children.works_on(ledger.claim(job_id, pid=pid))
    ledger.do(interventions.cancel, asked, by="a test")
    assert keeper.hand_back()
    assert [ledger.job(name).state for name in (given, asked)] == ["retryable", "cancelled"]
    assert all(children.is_killed(pid) for pid in pids)
    assert ledger.job(later).state == "scheduled"


def test_an_idle_worker_asks_the_database_at_renewals_only(
    ledger: LedgerOf, held: HeldConnection, keeper: LeaseKeeper, clock: Clock
) -> None:
    """Guard: `_is_renewal_due` in `run_once`. A child that claimed a job and died before it said so is found then."""
    keeper.run_once()
    (job_id,) = ledger.record([job()]).job_ids
    ledger.claim(job_id, pid=999_999_999)
    assert keeper.run_once() is False
    clock.go(LEASE / 3)
    assert keeper.run_once() is True
    assert ledger.job(job_id).state == "retryable"
