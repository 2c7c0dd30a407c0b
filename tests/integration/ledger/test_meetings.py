"""Two transactions that meet at the worst moment, on PostgreSQL: each waits where it must, none for the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from clerk.database.transactions import transaction
from clerk.errors import ConflictError
from clerk.jobs import Fenced, JobRequest
from clerk.sites.admin import remove_site
from clerk.sites.rows import insert_site
from clerk_tasks import recording
from clerk_tasks.ledger import attempts, interventions, leases, publications
from clerk_tasks.ledger.insert import NewStage
from clerk_tasks.ledger.stages import cancel_waiting
from devtools.processes import wait_for
from tests.integration.ledger.ledger import LedgerOf, job

pytestmark = pytest.mark.every_database

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
Meanwhile = Callable[[Callable[[], object]], "Future[object]"]


@pytest.fixture
def meanwhile(postgres_ledger: LedgerOf) -> Iterator[Meanwhile]:
    """Start a call in another thread and return once it waits for a lock."""
    with ThreadPoolExecutor(1) as pool:

        def start(call: Callable[[], object]) -> Future[object]:
            future = pool.submit(call)
            wait_for(lambda: count(postgres_ledger) or future.done(), "the other transaction waits or ends")
            assert not future.done(), f"it did not wait: {future.result()}"
            return future

        yield start


def count(ledger: LedgerOf) -> int:
    with ledger.engine.connect() as connection:
        waiting: int = connection.execute(sa.text(WAITING)).scalar_one()
    return waiting


def test_a_job_cancelled_while_its_stage_opens(postgres_ledger: LedgerOf, meanwhile: Meanwhile) -> None:
    """Guard: hold_waiting before _OPEN. Without it the opener has the stage and wants the job: a deadlock."""
    first, later, other = postgres_ledger.record([job()], [job(), job()]).job_ids
    claim = postgres_ledger.claim(first)
    with postgres_ledger.engine.begin() as connection:
        interventions.hold(connection, [later])
        opening = meanwhile(lambda: postgres_ledger.complete(claim))
        interventions.cancel(connection, later, by="a test")
    assert [message.job_id for message in opening.result(5)] == [other]  # type: ignore[attr-defined]


def test_two_stages_of_a_run_that_end_at_once(postgres_ledger: LedgerOf, meanwhile: Meanwhile) -> None:
    """Guard: hold_run. Without it each finisher sees the other's stage still open, and nobody goes on."""
    (first,) = postgres_ledger.record([job()]).job_ids
    joined, last = postgres_ledger.record(
        NewStage(name="joined", jobs=[job()]), NewStage(name="last", jobs=[job()])
    ).job_ids
    claims = [postgres_ledger.claim(job_id) for job_id in (first, joined)]
    with postgres_ledger.engine.begin() as connection:
        attempts.complete(connection, claims[0], result=None)
        ending = meanwhile(lambda: postgres_ledger.complete(claims[1]))
    assert [message.job_id for message in ending.result(5)] == [last]  # type: ignore[attr-defined]
    postgres_ledger.work(last)
    assert postgres_ledger.run() == "completed"


def test_a_job_retried_while_its_stage_is_being_cancelled(postgres_ledger: LedgerOf, meanwhile: Meanwhile) -> None:
    """Guard: cancel_waiting looks at the jobs again once it has the stages. Otherwise the job waits for ever."""
    first, later = postgres_ledger.record([job()], [job()]).job_ids
    postgres_ledger.do(interventions.cancel, later, by="a test")
    claim = postgres_ledger.claim(first)
    with postgres_ledger.engine.begin() as connection:
        interventions.retry(connection, later)
        failing = meanwhile(lambda: postgres_ledger.do(attempts.fail, claim, "no", final=True))
    failing.result(5)
    assert (postgres_ledger.job(later).state, postgres_ledger.stages()["s1"]) == ("cancelled", "cancelled")


def test_jobs_of_two_stages_retried_while_the_first_closes(postgres_ledger: LedgerOf, meanwhile: Meanwhile) -> None:
    """Guard: hold locks the stages, too, in their order. Otherwise the second retry and the finisher deadlock."""
    dead, last, later = postgres_ledger.record(NewStage(name="s0", jobs=[job(), job()], tolerance=1.0), [job()]).job_ids
    postgres_ledger.do(attempts.fail, postgres_ledger.claim(dead), "no", final=True)
    postgres_ledger.do(interventions.cancel, later, by="a test")
    claim = postgres_ledger.claim(last)
    with postgres_ledger.engine.begin() as connection:
        interventions.hold(connection, [later, dead])
        interventions.retry(connection, later)
        finishing = meanwhile(lambda: postgres_ledger.complete(claim))
        interventions.retry(connection, dead)
    finishing.result(5)
    postgres_ledger.check()


def test_children_of_a_stage_that_is_being_cancelled(postgres_ledger: LedgerOf, meanwhile: Meanwhile) -> None:
    """Guard: admit_children looks at the stage once it has locked it. Otherwise the child waits for ever."""
    first, _ = postgres_ledger.record([job(), job()], []).job_ids
    claim = postgres_ledger.claim(first)
    with postgres_ledger.engine.begin() as connection:
        cancel_waiting(connection, "run", "a test")
        completing = meanwhile(lambda: postgres_ledger.complete(claim, job(stage="s1")))
    completing.result(5)
    assert [row.state for row in postgres_ledger.jobs("s1")] == ["cancelled"]


def test_a_site_removed_while_a_job_is_enqueued_for_it(postgres_ledger: LedgerOf, meanwhile: Meanwhile) -> None:
    """Guard: the lock in _SITE of dispatcher.py, and hold_site. Without either the job is left without its site."""
    with transaction() as connection:
        insert_site(connection, {"subdomain": "a.ca", "name": "A", "state": "CA"})
    with transaction() as connection:
        recording.record_requests(connection, [JobRequest("finance-etl", "a.ca")])
        removing = meanwhile(lambda: remove_site("a.ca"))
    with pytest.raises(ConflictError, match="unfinished"):
        removing.result(5)


def test_a_job_that_ends_while_it_is_given_up(postgres_ledger: LedgerOf, meanwhile: Meanwhile) -> None:
    """Guard: the lock in check_owned and lost. Otherwise the history says lost of an attempt that completed."""
    first, second = postgres_ledger.record([job(), job()]).job_ids
    for job_id, end in ((first, leases.lost), (second, attempts.fail)):
        claim = postgres_ledger.claim(job_id)
        with postgres_ledger.engine.begin() as connection:
            attempts.complete(connection, claim, result=None)
            losing = meanwhile(lambda claim=claim, end=end: postgres_ledger.do(end, claim, "gone"))  # type: ignore[misc]
        assert isinstance(losing.exception(5), Fenced) or losing.result() == []


def test_a_job_that_holds_its_own_row_keeps_no_other_from_being_renewed(postgres_ledger: LedgerOf) -> None:
    """Guard: SKIP LOCKED in _RENEW: one child in `fence()` must not stop its worker's keeper."""
    held, other = postgres_ledger.record([job(), job()]).job_ids
    for pid, job_id in enumerate((held, other)):
        postgres_ledger.claim(job_id, pid=pid, lease=1.0)
    before = postgres_ledger.job(other).lease_until
    with postgres_ledger.engine.begin() as connection:
        interventions.hold(connection, [held])
        with postgres_ledger.engine.begin() as keeper:
            keeper.execute(sa.text("SET LOCAL lock_timeout = '2s'"))
            leases.renew(keeper, "w", [held, other], lease=60.0)
    assert postgres_ledger.job(other).lease_until > before


def test_a_child_answers_only_when_what_relied_on_its_message_is_there(
    postgres_ledger: LedgerOf, meanwhile: Meanwhile
) -> None:
    """Guard: FOR SHARE in outstanding_message. Otherwise the child looks before the job is committed, and ends."""
    postgres_ledger.do(publications.register_queues, ["q"])
    assert postgres_ledger.do(publications.announce, "q")
    with postgres_ledger.engine.begin() as connection:
        assert not publications.announce(connection, "q"), "another message is outstanding"
        answering = meanwhile(lambda: postgres_ledger.do(publications.answered, "q"))
    answering.result(5)
    assert postgres_ledger.do(publications.announce, "q")


def test_a_message_that_is_being_answered_is_not_relied_upon(postgres_ledger: LedgerOf, meanwhile: Meanwhile) -> None:
    """Guard: the row is read as it is once it is locked, not as it was when the statement began."""
    postgres_ledger.do(publications.register_queues, ["q"])
    assert postgres_ledger.do(publications.announce, "q")
    with postgres_ledger.engine.begin() as connection:
        publications.answered(connection, "q")
        announcing = meanwhile(lambda: postgres_ledger.do(publications.announce, "q"))
    assert announcing.result(5) is True


def test_a_lease_renewed_while_a_relay_looks(postgres_ledger: LedgerOf) -> None:
    """Guards: still_expired skips a lease that is being renewed, and compares one that was: it is left alone."""
    (running,) = postgres_ledger.record([job()]).job_ids
    postgres_ledger.claim(running, lease=0.0)
    (seen,) = postgres_ledger.do(leases.expired)
    with postgres_ledger.engine.begin() as connection:
        leases.renew(connection, "w", [running], lease=60.0)
        assert postgres_ledger.do(leases.still_expired, seen) is False
    assert postgres_ledger.do(leases.still_expired, seen) is False


def test_a_take_over_does_not_wait_for_a_fence_that_is_held_too_long(postgres_ledger: LedgerOf) -> None:
    """Guard: SKIP LOCKED in _STILL_EXPIRED. Otherwise one process stops the relays of every worker."""
    (held,) = postgres_ledger.record([job()]).job_ids
    claim = postgres_ledger.claim(held, lease=0.0)
    with postgres_ledger.engine.begin() as connection:
        attempts.check_owned(connection, claim, lock=True)
        (seen,) = postgres_ledger.do(leases.expired)
        assert postgres_ledger.do(leases.still_expired, seen) is False
    assert postgres_ledger.do(leases.still_expired, seen) is True
