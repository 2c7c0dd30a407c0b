"""The broker is a doorbell: it may be away, forget everything, or ring for the wrong door, and no job is lost."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.support.breakable import BreakableBroker
from tests.support.system import SITE, System

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("own_broker", ["redis", "rabbitmq"], indirect=True)  # the embedded one is back at once
def test_enqueue_succeeds_while_the_broker_is_away(own_broker_system: System, own_broker: BreakableBroker) -> None:
    """Guard: `except BrokerUnavailable` in ring, and ring_now: the relay has it as soon as the broker is back."""
    worker = own_broker_system.worker()
    own_broker.kill()
    enqueue = own_broker_system.programs.clerk("enqueue", "note", SITE)
    assert enqueue.wait() == 0, enqueue.log
    assert "waits until the broker is back" in enqueue.log
    job_id = enqueue.log.split()[-1]
    assert own_broker_system.job(job_id)["state"] == "available"
    own_broker.heal()
    assert own_broker_system.wait_for_end(job_id, deadline=60) == ["completed"]
    assert worker.alive


def test_a_broker_that_forgot_everything_is_rung_again(own_broker_system: System, own_broker: BreakableBroker) -> None:
    """Guard: take_silent. FLUSHALL, queues and all, while a worker listens."""
    own_broker_system.worker()
    blocker = own_broker_system.enqueue("gated")
    own_broker_system.wait_until_began(blocker)
    ids = [own_broker_system.enqueue("note", key=f"k{number}") for number in range(5)]
    own_broker.forget()
    own_broker_system.open_gate()
    assert own_broker_system.wait_for_end(blocker, *ids, deadline=60) == ["completed"] * 6
    assert own_broker_system.effects() == dict.fromkeys([blocker, *ids], 1)


def test_a_broker_killed_while_a_job_runs(own_broker_system: System, own_broker: BreakableBroker) -> None:
    """Guard: messages are acknowledged early. Bare Celery 5.7's worker exits here, if they are not."""
    worker = own_broker_system.worker()
    job_id = own_broker_system.enqueue("gated")
    own_broker_system.wait_until_began(job_id)
    own_broker.kill()
    own_broker_system.open_gate()
    assert own_broker_system.wait_for_end(job_id) == ["completed"]
    own_broker.heal()
    later = own_broker_system.enqueue("note")
    assert own_broker_system.wait_for_end(later, deadline=60) == ["completed"]
    assert worker.alive
    assert own_broker_system.effects() == {job_id: 1, later: 1}


def test_a_job_of_a_type_that_this_worker_does_not_know_waits_for_one_that_does(system: System) -> None:
    """Guard: _leave_to_others. Bare Celery drops the message."""
    worker = system.worker()
    job_id = system.enqueue("note")
    system.wait_for_end(job_id)
    with system.engine.begin() as connection:
        connection.execute(
            sa.text(
                "UPDATE jobs SET state = 'available', job_type = 'tomorrow', attempt = 0, ring_at = due_at,"
                " finished_at = NULL"
            )
        )
        connection.execute(sa.text("UPDATE stages SET state = 'open', remaining = 1, closed_at = NULL"))
        connection.execute(sa.text("UPDATE runs SET state = 'running', finished_at = NULL"))
    worker.wait_for_log("does not know clerk.tomorrow")
    job = system.job(job_id)
    assert job["state"] == "available"
    assert "does not know tomorrow" in job["note"]
    assert job["ring_at"] > job["due_at"]
