"""The broker is a doorbell: it may be away, come back, come back empty, or forget everything, and no job is lost."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from clerk.jobs import JobRequest
from clerk_tasks.dispatcher import enqueue_many
from devtools.breakable import BreakableBroker, BreakableEmbedded
from devtools.processes import wait_for
from devtools.system import SITE, System

#: How long after a lost broker's return the next job has begun, in seconds.
BOUND = 15.0
#: The same where nobody can notice, since no connection breaks: the first ring's delay, one relay pass, and some.
UNNOTICED = 10.0 + 5.0 + 3.0
#: What operators have who set nothing.
DEFAULTS = {"CLERK_LEASE": "30", "CLERK_RELAY_INTERVAL": "5"}


def heal(broker: BreakableBroker, killed_at: float) -> float:
    """Have the broker back; return since when, on the monotonic clock: an embedded one heals itself, so its kill."""
    broker.heal()
    return killed_at if isinstance(broker, BreakableEmbedded) else time.monotonic()


def assert_recovered(system: System, job_ids: Sequence[str], since: float, fault: str, bound: float = BOUND) -> None:
    """Wait until one of the jobs has had its effect, print how long that took, and hold it against the bound."""
    wait_for(lambda: set(job_ids) & set(system.effects()), "one of them runs", deadline=60, logs=system.programs.logs)
    recovery = time.monotonic() - since
    print(f"\nrecovery after {fault}: {recovery:.2f} s")  # noqa: T201
    assert recovery <= bound


@pytest.mark.fault("F6")
@pytest.mark.parametrize("own_broker", ["redis", "rabbitmq"], indirect=True)  # the embedded one is back at once
def test_enqueue_succeeds_while_the_broker_is_away(own_broker_system: System, own_broker: BreakableBroker) -> None:
    """The publisher's side: the relay has the job as soon as the broker is back."""
    system = own_broker_system
    worker = system.worker()
    own_broker.kill()
    enqueue = system.programs.clerk("enqueue", "note", SITE)
    assert enqueue.wait() == 0, enqueue.log
    assert "waits until the broker is back" in enqueue.log
    job_id = enqueue.log.split()[-1]
    assert system.job(job_id)["state"] == "available"
    assert_recovered(system, [job_id], heal(own_broker, 0), "a broker that was away")
    assert system.wait_for_end(job_id) == ["completed"]
    assert worker.alive


@pytest.mark.slow
@pytest.mark.fault("F5")
@pytest.mark.fast
def test_a_killed_broker_costs_no_job_and_no_second_effect(
    own_broker_system: System, own_broker: BreakableBroker
) -> None:
    """`kill -9` of a broker that keeps its data, with a job running and others in its queue."""
    system = own_broker_system
    worker = system.worker(env=DEFAULTS)
    running = system.enqueue("gated")
    system.wait_until_began(running)
    waiting = [system.enqueue("note", key=f"k{number}") for number in range(3)]
    own_broker.kill()
    killed_at = time.monotonic()
    worker.wait_for_log("Connection to broker lost")
    system.open_gate()
    assert system.wait_for_end(running) == ["completed"], "it does not need the broker"
    assert_recovered(system, waiting, heal(own_broker, killed_at), "a killed broker")
    assert system.wait_for_end(*waiting) == ["completed"] * 3
    assert system.wait_for_end(later := system.enqueue("note")) == ["completed"]
    assert worker.alive
    assert system.effects() == dict.fromkeys([running, *waiting, later], 1)
    assert system.attempts(running) == ["completed"]


@pytest.mark.fault("F6")
@pytest.mark.parametrize(("fault", "bound"), [("lose", BOUND), ("forget", UNNOTICED)])
def test_a_broker_that_lost_everything_is_rung_again(
    own_broker_system: System, own_broker: BreakableBroker, fault: str, bound: float
) -> None:
    """Killed and its data gone; FLUSHALL, the queue deleted, the embedded broker's directory deleted."""
    system = own_broker_system
    worker = system.worker(env=DEFAULTS)
    running = system.enqueue("gated")
    system.wait_until_began(running)
    # A hundred are a batch: they are not missed for a minute, unless a connection breaks.
    requests = [JobRequest("note", SITE, {"key": f"k{number}"}) for number in range(100 if fault == "lose" else 3)]
    waiting = enqueue_many(requests).job_ids
    lost_at = time.monotonic()
    getattr(own_broker, fault)()
    system.open_gate()
    back_at = heal(own_broker, lost_at) if fault == "lose" else lost_at
    assert_recovered(system, waiting, back_at, f"a broker that lost everything ({fault})", bound)
    assert system.wait_for_end(running, *waiting) == ["completed"] * (1 + len(waiting))
    assert worker.alive
    assert system.effects() == dict.fromkeys([running, *waiting], 1)


@pytest.mark.fault("F5")
@pytest.mark.parametrize("own_broker", ["redis"], indirect=True)
def test_a_long_outage_does_not_make_the_recovery_long(own_broker_system: System, own_broker: BreakableBroker) -> None:
    """For longer: Celery's worker waits 2 s more before each try, up to 30 s."""
    system = own_broker_system
    worker = system.worker(env=DEFAULTS)
    own_broker.kill()
    worker.wait_for_log("Trying again", count=9, deadline=100)
    job_id = system.enqueue("note")
    assert_recovered(system, [job_id], heal(own_broker, 0), "a long outage")
    assert system.wait_for_end(job_id) == ["completed"]
