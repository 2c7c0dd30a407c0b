"""The relay: it believes an expired lease only at the second sighting, and rings only for what is missing."""

from __future__ import annotations

import pytest

from clerk.database.held import HeldConnection
from clerk.errors import BrokerUnavailable
from clerk_tasks.broker.publisher import Publisher
from clerk_tasks.ledger import attempts, leases, publications
from clerk_tasks.worker.relay import Relay
from devtools.hand_clock import Clock
from devtools.services import free_port
from tests.integration.ledger.ledger import LedgerOf, job

RENEWAL = 5.0


@pytest.fixture
def relay(held: HeldConnection, publisher: Publisher, clock: Clock) -> Relay:
    return Relay(held, publisher, renewal=RENEWAL, clock=clock)


def make_due(ledger: LedgerOf, column: str = "publish_at") -> None:
    ledger.do(lambda connection: ledger.sql(connection, f"UPDATE jobs SET {column} = '2020-01-01 00:00:00.000'"))


def test_a_lease_is_over_at_the_second_sighting_one_renewal_later(ledger: LedgerOf, relay: Relay, clock: Clock) -> None:
    """Guard: `seen - sighted >= renewal` in _take_over."""
    (job_id,) = ledger.record([job()]).job_ids
    ledger.claim(job_id, lease=0.0)
    relay.run_once()
    clock.go(RENEWAL - 0.01)
    relay.run_once()
    assert ledger.job(job_id).state == "running"
    clock.go(0.01)
    relay.run_once()
    row = ledger.job(job_id)
    assert (row.state, row.attempt) == ("available", 1), "retried at once, and promoted in the same pass"
    assert "is gone" in row.error


def test_a_lease_that_was_renewed_meanwhile_is_a_new_one(ledger: LedgerOf, relay: Relay, clock: Clock) -> None:
    """Guard: the lease is part of what was sighted: its owner is alive, however late."""
    (job_id,) = ledger.record([job()]).job_ids
    ledger.claim(job_id, lease=0.0)
    relay.run_once()
    clock.go(RENEWAL)
    ledger.do(leases.renew, "w", [1], lease=0.0)
    relay.run_once()
    assert ledger.job(job_id).state == "running"
    clock.go(RENEWAL)
    relay.run_once()
    assert ledger.job(job_id).state == "available"


def test_a_lease_that_is_gone_for_one_pass_starts_anew(ledger: LedgerOf, relay: Relay, clock: Clock) -> None:
    """Guard: sightings are forgotten with the pass that does not confirm them."""
    (job_id,) = ledger.record([job()]).job_ids
    claim = ledger.claim(job_id, lease=0.0)
    relay.run_once()
    lease_until = ledger.job(job_id).lease_until
    ledger.do(leases.renew, "w", [1], lease=60.0)
    clock.go(RENEWAL)
    relay.run_once()
    text = lease_until.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    ledger.do(lambda connection: ledger.sql(connection, "UPDATE jobs SET lease_until = :t", t=text))
    relay.run_once()
    assert ledger.job(job_id).state == "running", "the very same lease, but seen for the first time"
    assert ledger.job(job_id).attempt == claim.attempt


def test_only_what_the_queue_lacks_is_rung(ledger: LedgerOf, relay: Relay, publisher: Publisher) -> None:
    """Guard: `depth` in take_overdue: ten messages for ten jobs are enough, however long they wait."""
    messages = ledger.record([job() for _ in range(10)]).messages
    publisher.publish(messages)
    make_due(ledger)
    relay.run_once()
    assert publisher.depth("q") == 10
    publisher._connect().channel.queue_purge("q")
    publisher.publish(messages[:7])
    relay.run_once()
    assert publisher.depth("q") == 10


def test_the_pause_between_rings_doubles_up_to_ten_minutes(ledger: LedgerOf, relay: Relay) -> None:
    """Guard: _DOUBLED."""
    (job_id,) = ledger.record([job()]).job_ids
    delays = []
    for _ in range(8):
        make_due(ledger)
        relay.publisher._connect().channel.queue_purge("q")
        relay.run_once()
        delays.append(ledger.job(job_id).publish_delay)
    assert delays == [20.0, 40.0, 80.0, 160.0, 320.0, 600.0, 600.0, 600.0]


def test_retries_that_are_due_are_published(ledger: LedgerOf, relay: Relay, publisher: Publisher) -> None:
    """Guard: `due_at <= now` in promote_due."""
    soon, later = ledger.record([job(), job()]).job_ids
    ledger.do(attempts.fail, ledger.claim(soon), "no", delay=0.0)
    ledger.do(attempts.fail, ledger.claim(later), "no", delay=3600.0)
    relay.run_once()
    assert [ledger.job(name).state for name in (soon, later)] == ["available", "retryable"]
    assert publisher.depth("q") == 1


def test_what_cannot_be_published_is_due_at_once(ledger: LedgerOf, held: HeldConnection, clock: Clock) -> None:
    """Guard: republish_now in _publish; the next pass has it, not the one after its delay."""
    relay = Relay(held, Publisher(f"redis://127.0.0.1:{free_port()}/0"), renewal=RENEWAL, clock=clock)
    (job_id,) = ledger.record([job()]).job_ids
    ledger.do(attempts.fail, ledger.claim(job_id), "no", delay=0.0)
    with pytest.raises(BrokerUnavailable, match="cannot be reached"):
        relay.run_once()
    assert ledger.job(job_id).state == "available"
    assert ledger.do(publications.overdue_queues) == ["q"]
