"""What a job's end does to its stage and its run, one guard at a time; the property tests look for the rest."""

from __future__ import annotations

import math

import pytest

from clerk.errors import ConflictError, NotFoundError
from clerk.jobs import Discard, Fenced
from clerk_tasks.ledger import attempts, interventions, leases
from clerk_tasks.ledger import backoff as waits
from clerk_tasks.ledger.insert import NewStage
from tests.integration.ledger.ledger import LedgerOf, job

pytestmark = pytest.mark.every_database


def test_a_stage_opens_when_the_last_job_before_it_has_ended(ledger: LedgerOf) -> None:
    """Guard: `remaining = 0` in _CLOSE."""
    first, second, later = ledger.record([job(), job()], [job()]).job_ids
    ledger.work(first)
    assert ledger.stages() == {"s0": "open", "s1": "waiting"}
    assert ledger.job(later).state == "scheduled"
    ledger.work(second)
    assert ledger.stages() == {"s0": "closed", "s1": "open"}
    ledger.work(later)
    assert ledger.run() == "completed"


def test_empty_stages_end_at_once_all_the_way_down(ledger: LedgerOf) -> None:
    """Guard: the loop of close_if_done, and record_run's look at its first stage. A quiet day is a success."""
    assert ledger.record([], [], []).messages == []
    assert ledger.run() == "completed"
    only = ledger.record([], [job()], [], run_id="two")
    assert [message.job_id for message in only.messages] == only.job_ids
    assert ledger.stages("two") == {"s0": "closed", "s1": "open", "s2": "waiting"}
    ledger.work(only.job_ids[0])
    assert ledger.run("two") == "completed"


def test_a_run_whose_unique_jobs_are_all_being_done_ends(ledger: LedgerOf) -> None:
    """Guard: the same, where every job was skipped; the winner is named, and only inserted rows count."""
    (winner,) = ledger.record([job(unique_key="k")]).job_ids
    skipped = ledger.record([job(unique_key="k"), job(unique_key="k")], run_id="two")
    assert (skipped.job_ids, skipped.conflicts) == ([], {"k": winner})
    assert ledger.run("two") == "completed"


def test_a_failed_stage_cancels_what_follows_unless_it_tolerates_it(ledger: LedgerOf) -> None:
    """Guards: the tolerance, and cancel_waiting."""
    strict = ledger.record([job()], [job()], run_id="strict").job_ids
    ledger.do(attempts.fail, ledger.claim(strict[0]), "no", final=True)
    assert ledger.stages("strict") == {"s0": "closed", "s1": "cancelled"}
    assert (ledger.run("strict"), ledger.job(strict[1]).state) == ("failed", "cancelled")
    lenient = NewStage(name="s0", jobs=[job(), job(), job()], tolerance=0.5)
    bad, good, better, later = ledger.record(lenient, [job()], run_id="lenient").job_ids
    ledger.do(attempts.fail, ledger.claim(bad), "no", final=True)
    ledger.work(good)
    ledger.work(better)
    ledger.work(later)
    assert ledger.run("lenient") == "completed"
    nothing = NewStage(name="s0", tolerance=0.5)
    ledger.work(ledger.record(nothing, [job()], run_id="nothing").job_ids[0])
    assert ledger.run("nothing") == "completed"


def test_a_stage_that_joined_a_run_fails_for_itself(ledger: LedgerOf) -> None:
    """Guard: `position > after` in cancel_waiting; the run's own later stages are none of the newcomer's business."""
    first, later = ledger.record([job()], [job()]).job_ids
    (joined,) = ledger.record(NewStage(name="joined", jobs=[job()])).job_ids
    ledger.do(attempts.fail, ledger.claim(joined), "no", final=True)
    assert ledger.stages() == {"s0": "open", "s1": "waiting", "joined": "closed"}
    ledger.work(first)
    ledger.work(later)
    assert ledger.run() == "failed"


def test_a_run_that_has_ended_runs_again_when_it_is_joined(ledger: LedgerOf) -> None:
    """Guard: _REOPEN_RUN."""
    ledger.work(ledger.record([job()]).job_ids[0])
    (joined,) = ledger.record(NewStage(name="joined", jobs=[job()])).job_ids
    assert ledger.run() == "running"
    ledger.work(joined)
    assert ledger.run() == "completed"


def test_another_sites_run_cannot_be_joined(ledger: LedgerOf) -> None:
    """Guard: the look at the run's subdomain."""
    from clerk_tasks.ledger.runs import record_run

    ledger.record([job()])
    with pytest.raises(ConflictError, match=r"is of a\.ca, not of b\.ca"):
        ledger.do(record_run, "run", subdomain="b.ca", pipeline="p", new_stages=[NewStage(name="x", jobs=[job()])])


def test_children_are_counted_into_their_stages_before_these_open(ledger: LedgerOf) -> None:
    """Guard: admit_children comes before close_if_done."""
    (parent,) = ledger.record([job()], [], []).job_ids
    messages = ledger.complete(ledger.claim(parent), job(), job(stage="s1"), job(stage="s2"), job(stage="s1"))
    assert len(messages) == 1, "only the child of the open stage rings"
    assert ledger.stages() == {"s0": "open", "s1": "waiting", "s2": "waiting"}
    ledger.work(messages[0].job_id)
    for child in ledger.jobs("s1"):
        ledger.work(child.id)
    ledger.work(ledger.jobs("s2")[0].id)
    assert ledger.run() == "completed"


def test_children_for_no_later_stage_are_refused_whole(ledger: LedgerOf) -> None:
    """Guard: `id >= own` in _STAGE_OF_RUN; nothing is half recorded."""
    first, later = ledger.record([job()], [job()]).job_ids
    ledger.work(first)
    claim = ledger.claim(later)
    for stage in ("s0", "nowhere"):
        with pytest.raises(Discard, match=f"no later stage '{stage}'"):
            ledger.complete(claim, job(), job(stage=stage))
    assert [row.state for row in ledger.jobs("s0") + ledger.jobs("s1")] == ["completed", "running"]


def test_children_of_a_late_retry_run_in_a_stage_that_has_opened_or_closed(ledger: LedgerOf) -> None:
    """Guard: _release in admit_children: nobody else will open that stage again."""
    lenient = NewStage(name="s0", jobs=[job(), job()], tolerance=1.0)
    bad, good, later = ledger.record(lenient, [job()]).job_ids
    ledger.do(attempts.fail, ledger.claim(bad), "no", final=True)
    ledger.work(good)
    ledger.do(interventions.retry, bad)
    messages = ledger.complete(ledger.claim(bad), job(stage="s1"))
    assert [ledger.job(message.job_id).state for message in messages] == ["available"]
    ledger.work(later)
    assert ledger.run() == "running", "the child is counted"
    ledger.work(messages[0].job_id)
    assert ledger.run() == "completed"


def test_a_job_retried_before_its_stage_opens_waits_for_that(ledger: LedgerOf) -> None:
    """Guard: _WAIT_AGAIN. Otherwise it ran ahead of its stage, and its end was counted twice."""
    first, later = ledger.record([job()], [job()]).job_ids
    ledger.do(interventions.cancel, later, by="a test")
    ledger.do(interventions.retry, later)
    assert ledger.job(later).state == "scheduled"
    ledger.check()
    ledger.work(first)
    ledger.work(later)
    assert ledger.run() == "completed"


def test_a_dead_letter_retried_after_its_stage_closed_is_not_counted_again(ledger: LedgerOf) -> None:
    """Guard: `state IN (open, waiting)` in _COUNT_DOWN and _COUNT_AGAIN."""
    (dead,) = ledger.record([job(max_attempts=1)]).job_ids
    ledger.do(attempts.fail, ledger.claim(dead), "no")
    assert ledger.run() == "failed"
    ledger.do(interventions.retry, dead)
    row = ledger.job(dead)
    assert (row.state, row.attempt, row.max_attempts) == ("available", 1, 2)
    ledger.work(dead)
    assert ledger.run() == "failed"


def test_cancelling_a_run_leaves_nothing_that_could_go_on(ledger: LedgerOf) -> None:
    """Guards: cancel_run, and complete's look at cancel_requested_at: the children of a cancelled job are not made."""
    busy, idle, later = ledger.record([job(), job()], [job()]).job_ids
    claim = ledger.claim(busy)
    ledger.do(interventions.cancel_run, "run", by="a test")
    assert [ledger.job(name).state for name in (busy, idle, later)] == ["running", "cancelled", "cancelled"]
    assert ledger.complete(claim, job()) == []
    assert [row.state for row in ledger.jobs("s0")] == ["cancelled", "cancelled"]
    assert ledger.run() == "cancelled"
    with pytest.raises(ConflictError, match="already ended"):
        ledger.do(interventions.cancel_run, "run", by="a test")
    with pytest.raises(NotFoundError):
        ledger.do(interventions.cancel_run, "no such run", by="a test")


@pytest.mark.parametrize(("whole", "state"), [(True, "cancelled"), (False, "completed")])
def test_a_run_that_is_half_done_when_it_is_cancelled_is_cancelled(ledger: LedgerOf, whole: bool, state: str) -> None:
    """Guard: ASKED_TO_CANCEL. One document of many that is cancelled leaves the run to complete with the others."""
    done, left = ledger.record([job(), job()]).job_ids
    ledger.work(done)
    if whole:
        ledger.do(interventions.cancel_run, "run", by="a test")
    else:
        ledger.do(interventions.cancel, left, by="a test")
    assert (ledger.job(left).state, ledger.run()) == ("cancelled", state)


@pytest.mark.parametrize("end", ["fail", "hand_back", "lost"])
def test_a_job_that_was_asked_to_cancel_does_not_run_again(ledger: LedgerOf, end: str) -> None:
    """Guard: the look at cancel_requested_at in fail, hand_back and lost."""
    (asked,) = ledger.record([job()]).job_ids
    claim = ledger.claim(asked)
    ledger.do(interventions.cancel, asked, by="a test")
    ledger.do({"fail": attempts.fail, "hand_back": attempts.hand_back, "lost": leases.lost}[end], claim, "over")
    assert (ledger.job(asked).state, ledger.run()) == ("cancelled", "cancelled")


def test_a_job_handed_back_keeps_its_attempts(ledger: LedgerOf) -> None:
    """Guard: `max_attempts + 1` in _HAND_BACK."""
    (given,) = ledger.record([job(max_attempts=1)]).job_ids
    ledger.do(attempts.hand_back, ledger.claim(given), "going")
    row = ledger.job(given)
    assert (row.state, row.max_attempts - row.attempt) == ("retryable", 1)


def test_a_zombie_changes_nothing(ledger: LedgerOf) -> None:
    """Guard: the attempt in _MINE. Whatever it does, the attempt that took over is left alone."""
    (zombies,) = ledger.record([job(max_attempts=3)]).job_ids
    old = ledger.claim(zombies)
    ledger.do(leases.lost, old, "its worker was stopped")
    from clerk_tasks.ledger import publications

    ledger.do(publications.promote_due)
    new = ledger.claim(zombies, pid=2)
    for late in (
        lambda: ledger.complete(old, job()),
        lambda: ledger.do(attempts.fail, old, "no"),
        lambda: ledger.do(attempts.stop, old, "no"),
        lambda: ledger.do(attempts.hand_back, old, "no"),
        lambda: ledger.do(attempts.check_owned, old),
    ):
        with pytest.raises(Fenced):
            late()
    assert ledger.do(leases.lost, old, "no") == []
    ledger.complete(new)
    assert [row.state for row in ledger.jobs("s0")] == ["completed"]


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [(1e20, 604800, 604800), (math.inf, 604800, 604800), (-1e20, 0, 0), (math.nan, 11, 19), (None, 11, 19)],
)
def test_no_attempt_is_further_away_than_a_week(
    ledger: LedgerOf, asked: float | None, least: float, most: float
) -> None:
    """Guard: wait(). Otherwise no relay ever finds the job on SQLite, and PostgreSQL refuses its outcome."""
    (waits,) = ledger.record([job()]).job_ids
    ledger.do(attempts.fail, ledger.claim(waits), "later", delay=asked)
    row = ledger.job(waits)
    assert least <= round((row.due_at - row.started_at).total_seconds()) <= most


def test_attempts_may_be_many() -> None:
    """Guard: the limit of what is doubled: an attempt that cannot be failed would be made again for ever."""
    assert waits.wait(None, attempt=20000, base=15.0, cap=3600.0) <= 3600 * 1.25
