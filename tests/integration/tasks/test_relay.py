"""The relay: it believes an expired lease only at the second sighting, and publishes only what is missing."""

from __future__ import annotations

import pytest
import redis
import sqlalchemy as sa
from sqlalchemy import Connection

from clerk.database.clock import now
from clerk.database.held import HeldConnection
from clerk.database.tables import jobs_table
from clerk.errors import BrokerRefused, BrokerUnavailable, DatabaseUnavailable
from clerk.jobs import Priority
from clerk_tasks.broker.publisher import Publisher
from clerk_tasks.ledger import attempts, leases, publications
from clerk_tasks.ledger.insert import Message
from clerk_tasks.ledger.publications import FEW, Waiting
from clerk_tasks.worker.relay import Relay
from devtools.hand_clock import Clock
from devtools.services import free_port
from tests.integration.ledger.ledger import LedgerOf, job

RENEWAL = 5.0
WAITING = Waiting(["q"], ["t"])


@pytest.fixture
def relay(held: HeldConnection, publisher: Publisher, clock: Clock) -> Relay:
    return Relay(held, publisher, WAITING, renewal=RENEWAL, served=["q"], clock=clock)


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
    ledger.do(leases.renew, "w", [job_id], lease=0.0)
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
    ledger.do(leases.renew, "w", [job_id], lease=60.0)
    clock.go(RENEWAL)
    relay.run_once()
    text = lease_until.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    ledger.do(lambda connection: ledger.sql(connection, "UPDATE jobs SET lease_until = :t", t=text))
    relay.run_once()
    assert ledger.job(job_id).state == "running", "the very same lease, but seen for the first time"
    assert ledger.job(job_id).attempt == claim.attempt


def test_a_lease_that_could_not_be_renewed_is_over_one_renewal_after_it_could(
    ledger: LedgerOf, held: HeldConnection, publisher: Publisher, clock: Clock
) -> None:
    """Guard: the sightings are cleared, in a pass that only reads too: with a full disk, say, owners cannot renew."""
    disk_is_full = False

    def write(_: Connection) -> None:
        if disk_is_full:
            raise DatabaseUnavailable("database or disk is full")

    relay = Relay(held, publisher, WAITING, renewal=RENEWAL, heartbeat=write, clock=clock)
    (job_id,) = ledger.record([job()]).job_ids
    ledger.claim(job_id, lease=0.0)
    relay.run_once()
    clock.go(RENEWAL)
    disk_is_full = True
    with pytest.raises(DatabaseUnavailable):
        relay.run_once()
    disk_is_full = False
    relay.run_once()
    assert ledger.job(job_id).state == "running", "its owner has not been able to renew until just now"
    clock.go(RENEWAL)
    relay.run_once()
    assert ledger.job(job_id).state == "available"


@pytest.mark.parametrize(
    ("jobs", "there", "then"), [(10, 0, 4), (10, 3, 4), (10, 10, 10), (2, 0, 2), (2, 1, 2), (0, 0, 0)]
)
def test_only_what_the_queue_lacks_is_published(
    ledger: LedgerOf, relay: Relay, publisher: Publisher, jobs: int, there: int, then: int
) -> None:
    """Guard: `depth` in Relay.publish: a message for each job, but a handful at the most."""
    messages = ledger.record([job() for _ in range(10)]).messages
    publisher.publish(messages[:there])
    for message in messages[jobs:]:
        ledger.work(message.job_id)
    for _ in range(2):
        relay.run_once()
        assert publisher.depth("q") == then


def test_a_queue_that_the_broker_refuses_keeps_no_other_from_being_published(
    ledger: LedgerOf, held: HeldConnection, publisher: Publisher, redis_url: str
) -> None:
    """Guard: BrokerRefused in Relay.publish. A key of another type in the place of the first queue."""
    with redis.Redis.from_url(redis_url) as client:
        client.set("a", "x")
    ledger.record([job(queue="a"), job(queue="q")])
    relay = Relay(held, publisher, Waiting(["a", "q"], ["t"]), renewal=RENEWAL, served=["a", "q"])
    with pytest.raises(BrokerRefused, match=r"refuses: .*WRONGTYPE"):
        relay.run_once()
    assert publisher.depth("q") == 1
    assert relay.wanted == {"q"}


def test_the_most_urgent_job_is_published_first_however_many_are_older(ledger: LedgerOf) -> None:
    """Guard: the order in _waiting: an urgent job whose message was lost waited for a whole backlog."""
    ids = ledger.record(
        [job(priority=p) for p in (*[Priority.NORMAL] * (FEW + 1), Priority.LOW, Priority.HIGH)]
    ).job_ids
    with ledger.engine.connect() as connection:
        waiting = Waiting(["q"], ["t"])(connection)
    assert [message.job_id for message in waiting["q"]] == [ids[-1], *ids[: FEW - 1]]


def test_the_most_urgent_of_many_messages_are_published() -> None:
    """Guard: the order in handful."""
    made = [Message(str(number), "t", queue, 2) for number, queue in enumerate("ab" * FEW)]
    urgent = [Message(f"urgent {queue}", "t", queue, 1) for queue in "ab"]
    kept = publications.handful([*made, *urgent])
    assert [message.queue for message in kept].count("a") == FEW
    assert set(urgent) <= set(kept)


def test_the_most_urgent_of_what_is_due_is_made_available_first(ledger: LedgerOf, relay: Relay) -> None:
    """Guards: the order in _DUE, and the passes of look: a backlog of retries is not served in bits of PASS."""
    of_a_kind = [job(priority=Priority.NORMAL) for _ in range(publications.PASS)]
    *older, urgent = ledger.record([*of_a_kind, job(priority=Priority.HIGH)]).job_ids
    with ledger.engine.begin() as connection:
        retryable = sa.update(jobs_table).values(state="retryable", due_at=now(-60))
        connection.execute(retryable)
        connection.execute(retryable.where(jobs_table.c.id == urgent).values(due_at=now(-1)))
        assert publications.promote_due(connection), "there is one more"
    assert ledger.job(urgent).state == "available"
    relay.look()
    assert {ledger.job(older[-1]).state, ledger.job(older[0]).state} == {"available"}


def test_a_job_that_no_plugin_here_knows_is_left_to_others(
    ledger: LedgerOf, relay: Relay, publisher: Publisher
) -> None:
    """Guard: the job types in Waiting. A message for it would start a child that cannot take it."""
    unknown, elsewhere = ledger.record([job(job_type="unknown"), job(job_type="unknown", queue="elsewhere")]).job_ids
    relay.run_once()
    assert publisher.depth("q") == 0
    assert ledger.job(unknown).note.endswith("does not know unknown.")
    assert ledger.job(elsewhere).note is None, "this worker does not serve its queue"


def test_retries_that_are_due_are_published(ledger: LedgerOf, relay: Relay, publisher: Publisher) -> None:
    """Guard: `due_at <= now` in promote_due."""
    soon, later = ledger.record([job(), job()]).job_ids
    ledger.do(attempts.fail, ledger.claim(soon), "no", delay=0.0)
    ledger.do(attempts.fail, ledger.claim(later), "no", delay=3600.0)
    relay.run_once()
    assert [ledger.job(name).state for name in (soon, later)] == ["available", "retryable"]
    assert publisher.depth("q") == 1


def test_a_retry_is_made_available_while_the_broker_is_away(
    ledger: LedgerOf, held: HeldConnection, clock: Clock
) -> None:
    """Guard: what is published is what is available, so that the next pass has it."""
    relay = Relay(held, Publisher(f"redis://127.0.0.1:{free_port()}/0"), WAITING, renewal=RENEWAL, clock=clock)
    (job_id,) = ledger.record([job()]).job_ids
    ledger.do(attempts.fail, ledger.claim(job_id), "no", delay=0.0)
    with pytest.raises(BrokerUnavailable, match="cannot be reached"):
        relay.run_once()
    assert ledger.job(job_id).state == "available"
    assert [message.job_id for message in ledger.do(WAITING)["q"]] == [job_id]
