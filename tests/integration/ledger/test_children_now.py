"""Children of a job that runs, which may begin before their stage opens, and what happens to the jobs around them."""

from __future__ import annotations

from typing import Any

import pytest

from clerk.jobs import Cancel, Discard, Fenced
from clerk_tasks.ledger import attempts, interventions, leases, publications
from clerk_tasks.ledger.insert import NewJob, NewStage
from devtools.ledger_laws import AT_ONCE
from tests.integration.ledger.ledger import LedgerOf, job

pytestmark = pytest.mark.every_database


def ahead(**fields: Any) -> NewJob:
    """Return a job that may begin before its stage opens."""
    return job(arguments={AT_ONCE: True}, **fields)


def test_a_child_may_begin_before_its_stage_opens_and_the_stage_waits_for_both(ledger: LedgerOf) -> None:
    """Guards: `at_once`, and that a stage that has not opened does not close."""
    parent, coordinator = ledger.record([job()], [job()]).job_ids
    running = ledger.claim(parent)
    (message,) = ledger.do(attempts.spawn_now, running, [ahead(stage="s1")])
    ledger.work(message.job_id)
    assert ledger.stages() == {"s0": "open", "s1": "waiting"}
    assert ledger.job(coordinator).state == "scheduled"
    (late,) = ledger.do(attempts.spawn_now, running, [ahead(stage="s1")])
    ledger.complete(running)
    assert ledger.stages() == {"s0": "closed", "s1": "open"}
    ledger.work(coordinator)
    assert ledger.run() == "running"
    ledger.work(late.job_id)
    assert ledger.run() == "completed"


def test_an_attempt_that_asks_again_for_a_unique_child_finds_it_there(ledger: LedgerOf) -> None:
    (parent,) = ledger.record([job(max_attempts=2)], []).job_ids
    first = ledger.claim(parent)
    (message,) = ledger.do(attempts.spawn_now, first, [ahead(stage="s1", unique_key="k")])
    ledger.do(leases.lost, first, "its process died")
    with pytest.raises(Fenced):
        ledger.do(attempts.spawn_now, first, [ahead(stage="s1", unique_key="other")])
    ledger.do(publications.promote_due)
    second = ledger.claim(parent)
    assert ledger.do(attempts.spawn_now, second, [ahead(stage="s1", unique_key="k")]) == []
    ledger.complete(second, job(stage="s1", unique_key="k"))
    assert [row.id for row in ledger.jobs("s1")] == [message.job_id]


def test_a_parent_that_was_cancelled_or_names_another_than_the_next_stage_gets_no_child(ledger: LedgerOf) -> None:
    parent, *_ = ledger.record([job()], [job()], [job()]).job_ids
    claim = ledger.claim(parent)
    for stage in ("nowhere", "s2"):
        with pytest.raises(Discard, match=f"no stage '{stage}' that follows that of the job: it has s0, s1"):
            ledger.do(attempts.spawn_now, claim, [ahead(stage=stage)])
    ledger.do(interventions.cancel, parent, by="a test")
    with pytest.raises(Cancel):
        ledger.do(attempts.spawn_now, claim, [ahead(stage="s1")])
    assert len(ledger.jobs("s1")) == len(ledger.jobs("s2")) == 1
    ledger.do(attempts.stop, claim, "it stopped")


@pytest.mark.parametrize("by_hand", [False, True])
def test_what_is_ahead_of_its_stage_is_cancelled_with_it_unless_it_runs(ledger: LedgerOf, by_hand: bool) -> None:
    """Guard: the states of _CANCEL_UNBEGUN_JOBS. A retry of the parent takes up all of them."""
    parent, coordinator = ledger.record([job()], [job()]).job_ids
    running = ledger.claim(parent)
    made = ledger.do(attempts.spawn_now, running, [ahead(stage="s1") for _ in range(3)])
    begun, failed, waiting = [message.job_id for message in made]
    early = ledger.claim(begun)
    ledger.do(attempts.fail, ledger.claim(failed), "not now", delay=3600.0)
    if by_hand:
        ledger.do(interventions.cancel_run, "run", by="a test")
        ledger.do(attempts.stop, running, "it stopped")
    else:
        ledger.do(attempts.fail, running, "no", final=True)
    assert ledger.run() == ("cancelled" if by_hand else "failed")
    assert {ledger.job(job_id).state for job_id in (failed, waiting, coordinator)} == {"cancelled"}
    assert ledger.job(begun).state == "running"
    assert (ledger.job(begun).cancel_requested_at is not None) == by_hand
    ledger.do(interventions.retry, parent)
    assert ledger.stages() == {"s0": "open", "s1": "waiting"}
    ledger.check()
    ledger.do(attempts.stop, early, "it stopped") if by_hand else ledger.complete(early)
    ledger.work(parent)
    for job_id in (failed, waiting, coordinator):
        ledger.work(job_id)
    assert ledger.run() == "completed"


def test_what_a_limit_holds_ahead_of_its_stage_is_cancelled_with_it(ledger: LedgerOf) -> None:
    """Guard: `held` among the states of _CANCEL_UNBEGUN_JOBS."""
    parent, _ = ledger.record([job()], [job()]).job_ids
    running = ledger.claim(parent)
    ledger.do(attempts.spawn_now, running, [ahead(stage="s1", limit_key="t")])
    ledger.do(attempts.fail, running, "no", final=True)
    assert [job.state for job in ledger.jobs("s1")] == ["cancelled"] * 2


def test_a_child_of_a_job_that_was_retried_alone_runs_uncounted(ledger: LedgerOf) -> None:
    """Its stage and the next have closed, in a run that went on without it."""
    lenient = NewStage(name="s0", jobs=[job(), job(), job()], tolerance=0.5)
    bad, good, better, later = ledger.record(lenient, [job()]).job_ids
    ledger.do(attempts.fail, ledger.claim(bad), "no", final=True)
    for job_id in (good, better, later):
        ledger.work(job_id)
    assert ledger.run() == "completed"
    ledger.do(interventions.retry, bad)
    alone = ledger.claim(bad)
    (message,) = ledger.do(attempts.spawn_now, alone, [ahead(stage="s1")])
    ledger.work(message.job_id)
    ledger.complete(alone)
    assert ledger.run() == "completed"
