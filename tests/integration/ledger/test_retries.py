"""Jobs retried by hand: with the stages that wait for them, or not at all, and many in a few statements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from clerk.database import literals
from clerk.errors import ConflictError, NotFoundError
from clerk_tasks.ledger import attempts, interventions, retries
from clerk_tasks.ledger.insert import NewStage
from tests.integration.ledger.ledger import LedgerOf, job

pytestmark = pytest.mark.every_database


def cancel_run(ledger: LedgerOf) -> None:
    ledger.do(interventions.cancel_run, "run", by="a test")


def fail(ledger: LedgerOf, job_id: str) -> None:
    ledger.do(attempts.fail, ledger.claim(job_id), "no", final=True)


@pytest.mark.parametrize("stop", [cancel_run, lambda ledger: fail(ledger, ledger.jobs("s0")[0].id)])
def test_a_parent_of_an_ended_run_brings_back_what_comes_after_it(
    ledger: LedgerOf, stop: Callable[[LedgerOf], None]
) -> None:
    parent, gather = ledger.record([job()], [], [job()]).job_ids
    stop(ledger)
    assert ledger.stages() == {"s0": "closed", "s1": "cancelled", "s2": "cancelled"}
    retried = ledger.do(interventions.retry, parent)
    assert retried.job_ids == {parent, gather}
    assert [message.job_id for message in retried.messages] == [parent]
    assert (ledger.run(), ledger.stages()) == ("running", {"s0": "open", "s1": "waiting", "s2": "waiting"})
    ledger.check()
    first, _ = ledger.complete(ledger.claim(parent), job(), job(), job(stage="s1"))
    assert ledger.job(gather).state == "scheduled"
    for message in (first, _):
        ledger.work(message.job_id)
    ledger.work(ledger.jobs("s1")[0].id)
    ledger.work(gather)
    assert ledger.run() == "completed"


def test_a_child_of_a_cancelled_run_brings_back_what_gathers_it(ledger: LedgerOf) -> None:
    parent, gather = ledger.record([job()], [job()]).job_ids
    children = [message.job_id for message in ledger.complete(ledger.claim(parent), job(), job())]
    cancel_run(ledger)
    ledger.do(interventions.retry, children[0])
    ledger.work(children[0])
    ledger.work(gather)
    assert (ledger.run(), ledger.job(children[1]).state) == ("completed", "cancelled")


def test_a_retry_that_fails_stops_the_run_again(ledger: LedgerOf) -> None:
    parent, gather = ledger.record([job()], [job()]).job_ids
    for _ in range(2):
        fail(ledger, parent)
        assert (ledger.run(), ledger.job(gather).state) == ("failed", "cancelled")
        ledger.do(interventions.retry, parent)
    ledger.work(parent)
    ledger.work(gather)
    assert ledger.run() == "completed"


def test_what_gathers_does_not_run_ahead_of_what_it_waits_for(ledger: LedgerOf) -> None:
    parent, between, gather = ledger.record([job()], [job()], [job()]).job_ids
    fail(ledger, parent)
    for early, stage in ((between, "s0"), (gather, "s0")):
        with pytest.raises(ConflictError, match=f"stage {stage}, which did not succeed.*--run-id run"):
            ledger.do(interventions.retry, early)
    assert ledger.do(retries.retry_jobs, [parent, gather]).job_ids == {parent, between, gather}
    assert (ledger.job(parent).state, ledger.job(gather).state) == ("available", "scheduled")
    ledger.work(parent)
    cancel_run(ledger)
    with pytest.raises(ConflictError, match="stage s1, which did not succeed"):
        ledger.do(interventions.retry, gather)
    ledger.do(interventions.retry, between)
    ledger.work(between)
    ledger.work(gather)
    assert ledger.run() == "completed"


def test_what_gathers_does_not_run_ahead_of_a_stage_that_was_cancelled(ledger: LedgerOf) -> None:
    """Guard: `start.id not in chosen`: no stage before it failed."""
    done, _, between, gather = ledger.record([job(), job()], [job()], [job()]).job_ids
    ledger.work(done)
    cancel_run(ledger)
    with pytest.raises(ConflictError, match="stage s1, which did not succeed"):
        ledger.do(interventions.retry, gather)
    assert ledger.do(interventions.retry, between).job_ids == {between, gather}


def test_a_stage_that_failed_by_more_than_it_tolerates_keeps_later_jobs_back(ledger: LedgerOf) -> None:
    """Guard: the first job of a stage does not count in its share: one of two is more than 0.4."""
    bad, *good, gather = ledger.record(NewStage(name="s0", jobs=[job(), job(), job()], tolerance=0.4), [job()]).job_ids
    fail(ledger, bad)
    for job_id in good:
        ledger.work(job_id)
    assert ledger.run() == "failed"
    with pytest.raises(ConflictError, match="stage s0, which did not succeed"):
        ledger.do(interventions.retry, gather)


def test_two_stages_that_ended_are_retried_at_once(ledger: LedgerOf) -> None:
    """Guard: the later of them, which stopped the run, is the one that opens it again."""
    lenient = NewStage(name="s0", jobs=[job(), job(), job()], tolerance=1.0)
    bad, *good, stopper, last = ledger.record(lenient, [job()], [job()]).job_ids
    fail(ledger, bad)
    for job_id in good:
        ledger.work(job_id)
    fail(ledger, stopper)
    assert ledger.do(retries.retry_jobs, [bad, stopper]).job_ids == {bad, stopper, last}
    for job_id in (bad, stopper, last):
        ledger.work(job_id)
    assert ledger.run() == "completed"


def test_of_two_runs_whose_later_jobs_have_one_key_the_first_is_retried(ledger: LedgerOf) -> None:
    """Guard: `taken` gets the keys of the jobs that a retry brings back."""
    parents = []
    for run_id in ("one", "two"):
        parents.append(ledger.record([job()], [job(unique_key="k")], run_id=run_id).job_ids[0])
        fail(ledger, parents[-1])
    retried = ledger.do(retries.retry_jobs, parents)
    assert (parents[0] in retried.job_ids, list(retried.refused)) == (True, [parents[1]])
    assert (ledger.run("one"), ledger.run("two")) == ("running", "failed")


def test_a_retry_forgets_that_the_job_was_asked_to_stop(ledger: LedgerOf) -> None:
    (job_id,) = ledger.record([job()]).job_ids
    claim = ledger.claim(job_id)
    ledger.do(interventions.cancel, job_id, by="a test")
    ledger.do(attempts.stop, claim, "it stopped")
    ledger.do(interventions.retry, job_id)
    assert (ledger.job(job_id).state, ledger.job(job_id).cancel_requested_at) == ("available", None)


def test_a_run_goes_on_only_from_the_stage_that_stopped_it(ledger: LedgerOf) -> None:
    lenient = NewStage(name="s0", jobs=[job(), job(), job()], tolerance=1.0)
    bad, *good, stopper, last = ledger.record(lenient, [job()], [job()]).job_ids
    fail(ledger, bad)
    for job_id in good:
        ledger.work(job_id)
    fail(ledger, stopper)
    assert ledger.do(interventions.retry, bad).job_ids == {bad}
    assert (ledger.run(), ledger.job(last).state) == ("failed", "cancelled")
    ledger.work(bad)
    ledger.do(interventions.retry, stopper)
    ledger.work(stopper)
    ledger.work(last)
    assert ledger.stages() == {"s0": "closed", "s1": "closed", "s2": "closed"}


def test_a_run_that_runs_for_a_job_that_joined_it_is_left_alone(ledger: LedgerOf) -> None:
    dead, later = ledger.record([job()], [job()]).job_ids
    fail(ledger, dead)
    (joined,) = ledger.record(NewStage(name="joined", jobs=[job()])).job_ids
    for job_id in (dead, later):
        with pytest.raises(ConflictError, match="has not ended"):
            ledger.do(interventions.retry, job_id)
    ledger.work(joined)
    ledger.do(interventions.retry, dead)
    ledger.work(dead)
    ledger.work(later)
    assert ledger.run() == "completed"


def test_a_later_job_whose_key_is_taken_keeps_the_run_where_it_is(ledger: LedgerOf) -> None:
    parent, _ = ledger.record([job()], [job(unique_key="k")]).job_ids
    fail(ledger, parent)
    (winner,) = ledger.record([job(unique_key="k")], run_id="two").job_ids
    with pytest.raises(ConflictError, match=f"later job, but: Job {winner}"):
        ledger.do(interventions.retry, parent)
    assert ledger.run() == "failed"
    ledger.work(winner)
    ledger.do(interventions.retry, parent)
    assert ledger.run() == "running"


def test_of_two_with_one_key_the_older_is_retried(ledger: LedgerOf) -> None:
    twins = []
    for run_id in ("one", "two"):
        twins += ledger.record([job(unique_key="k")], run_id=run_id).job_ids
        ledger.do(interventions.cancel, twins[-1], by="a test")
    retried = ledger.do(retries.retry_jobs, [*twins, "nothing"])
    assert retried.job_ids == {twins[0]}
    assert {name: type(error) for name, error in retried.refused.items()} == {
        twins[1]: ConflictError,
        "nothing": NotFoundError,
    }


@contextmanager
def statements(ledger: LedgerOf) -> Iterator[list[tuple[str, int]]]:
    """Collect statements, each with the number of its parameters."""
    said: list[tuple[str, int]] = []

    def listen(_connection: object, _cursor: object, statement: str, parameters: Any, *_more: object) -> None:
        said.append((statement, len(parameters)))

    sa.event.listen(ledger.engine, "before_cursor_execute", listen)
    yield said
    sa.event.remove(ledger.engine, "before_cursor_execute", listen)


@pytest.mark.parametrize("runs", [1, 300])
def test_many_are_retried_in_a_handful_of_statements(
    ledger: LedgerOf, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(literals, "PASS", 200)
    ids: list[str] = []
    for number in range(runs):
        ids += ledger.record([job() for _ in range(300 // runs)], run_id=f"run-{number}").job_ids
    ledger.do(interventions.cancel_jobs, ids, by="a test")
    with statements(ledger) as said:
        retried = ledger.do(retries.retry_jobs, ids)
    assert len(retried.messages) == 300
    assert len(said) < 25, said
    assert max(number for _, number in said) <= 210, "no IN list is longer than a part"
