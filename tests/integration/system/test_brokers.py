"""The broker is a doorbell: it may be away, forget everything, or ring for the wrong door, and no job is lost."""

from __future__ import annotations

import contextlib

import pytest
import sqlalchemy as sa

from tests.integration.system.system import SITE, System
from tests.support.services import RedisServer

pytestmark = pytest.mark.slow


def test_enqueue_succeeds_while_the_broker_is_away(private_system: System, private_redis: RedisServer) -> None:
    """Guard: `except BrokerUnavailable` in ring, and ring_now: the relay has it as soon as the broker is back."""
    worker = private_system.worker()
    private_redis.kill()
    enqueue = private_system.programs.clerk("enqueue", "note", SITE)
    assert enqueue.wait() == 0, enqueue.log
    assert "waits until the broker is back" in enqueue.log
    job_id = enqueue.log.split()[-1]
    assert private_system.job(job_id)["state"] == "available"
    private_redis.start()
    assert private_system.wait_for_end(job_id, deadline=60) == ["completed"]
    assert worker.alive


def test_a_broker_that_forgot_everything_is_rung_again(private_system: System, private_redis: RedisServer) -> None:
    """Guard: take_silent. FLUSHALL, queues and all, while a worker listens."""
    private_system.worker()
    blocker = private_system.enqueue("gated")
    private_system.wait_until_began(blocker)
    ids = [private_system.enqueue("note", key=f"k{number}") for number in range(5)]
    with contextlib.closing(private_redis.client()) as client:
        client.flushall()
    private_system.open_gate()
    assert private_system.wait_for_end(blocker, *ids, deadline=60) == ["completed"] * 6
    assert private_system.effects() == dict.fromkeys([blocker, *ids], 1)


def test_a_broker_killed_while_a_job_runs(private_system: System, private_redis: RedisServer) -> None:
    """Guard: messages are acknowledged early. Bare Celery 5.7's worker exits here, if they are not."""
    worker = private_system.worker()
    job_id = private_system.enqueue("gated")
    private_system.wait_until_began(job_id)
    private_redis.kill()
    private_system.open_gate()
    assert private_system.wait_for_end(job_id) == ["completed"]
    private_redis.start()
    later = private_system.enqueue("note")
    assert private_system.wait_for_end(later, deadline=60) == ["completed"]
    assert worker.alive
    assert private_system.effects() == {job_id: 1, later: 1}


def test_a_job_of_a_type_that_this_worker_does_not_know_waits_for_one_that_does(private_system: System) -> None:
    """Guard: _leave_to_others. Bare Celery drops the message."""
    worker = private_system.worker()
    job_id = private_system.enqueue("note")
    private_system.wait_for_end(job_id)
    with private_system.engine.begin() as connection:
        connection.execute(
            sa.text(
                "UPDATE jobs SET state = 'available', job_type = 'tomorrow', attempt = 0, ring_at = due_at,"
                " finished_at = NULL"
            )
        )
        connection.execute(sa.text("UPDATE stages SET state = 'open', remaining = 1, closed_at = NULL"))
        connection.execute(sa.text("UPDATE runs SET state = 'running', finished_at = NULL"))
    worker.wait_for_log("does not know clerk.tomorrow")
    job = private_system.job(job_id)
    assert job["state"] == "available"
    assert "does not know tomorrow" in job["note"]
    assert job["ring_at"] > job["due_at"]
