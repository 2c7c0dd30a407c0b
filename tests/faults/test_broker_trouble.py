"""A broker that is there and does not work: frozen, or full."""

from __future__ import annotations

import time

import pytest

from devtools import messages
from devtools.breakable import BreakableBroker
from devtools.processes import wait_for
from devtools.system import SITE, System

#: How long the broker is frozen, and how long who has something to tell it may try, in seconds.
FROZEN = 25.0
PATIENCE = 25.0


@pytest.mark.fault("F7")
def test_a_frozen_broker_holds_up_nobody_for_long(own_broker_system: System, own_broker: BreakableBroker) -> None:
    """Bare Celery's publisher waits for ever, and what it gave up on may be delivered all the same.

    A command connects and gets no answer; a program that has been connected sends, and gets none to that.
    """
    system = own_broker_system
    worker = system.worker()
    running = system.enqueue("gated")
    system.wait_until_began(running)
    waiting = system.enqueue("note", key="before")
    own_broker.pause()
    frozen_at = time.monotonic()
    enqueue = system.programs.clerk("enqueue", "note", SITE, "--arg", "key=meanwhile")
    assert enqueue.wait(deadline=PATIENCE + 5) == 0, enqueue.log
    took = time.monotonic() - frozen_at
    print(f"\nenqueue against a frozen broker: {took:.2f} s")  # noqa: T201
    assert took < PATIENCE
    assert "waits until the broker is back" in enqueue.log
    meanwhile = enqueue.log.split()[-1]
    assert system.job(meanwhile)["state"] == "available"
    asked_at = time.monotonic()
    stalled = system.enqueue("note", key="stalled")
    print(f"and over an old connection: {time.monotonic() - asked_at:.2f} s")  # noqa: T201
    assert time.monotonic() - asked_at < PATIENCE
    system.open_gate()
    assert system.wait_for_end(running) == ["completed"], "it does not need the broker"
    wait_for(lambda: time.monotonic() - frozen_at > FROZEN, "it was frozen long enough", deadline=FROZEN)
    own_broker.resume()
    resumed_at = time.monotonic()
    assert system.wait_for_end(waiting, meanwhile, stalled) == ["completed"] * 3
    print(f"recovery after a frozen broker: {time.monotonic() - resumed_at:.2f} s")  # noqa: T201
    assert time.monotonic() - resumed_at <= 15
    assert system.wait_for_end(later := system.enqueue("note")) == ["completed"]
    wait_for(lambda: messages.depth() == 0, "every message is delivered", logs=system.programs.logs)
    assert system.effects() == dict.fromkeys([running, waiting, meanwhile, stalled, later], 1)
    assert worker.alive


@pytest.mark.slow
@pytest.mark.fault("F8")
@pytest.mark.fast
@pytest.mark.parametrize("own_broker", ["redis", "embedded"], indirect=True)
def test_a_full_broker_stops_no_worker(own_broker_system: System, own_broker: BreakableBroker) -> None:
    """`maxmemory` reached, and nothing evicted: what is queued is done, what cannot be queued waits for room."""
    system = own_broker_system
    worker = system.worker()
    running = system.enqueue("gated")
    system.wait_until_began(running)
    waiting = [system.enqueue("note", key=f"k{number}") for number in range(3)]
    with messages.redis_client() as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1)
        enqueue = system.programs.clerk("enqueue", "note", SITE, "--arg", "key=meanwhile")
        assert enqueue.wait() == 0, enqueue.log
        assert "waits until the broker is back" in enqueue.log
        meanwhile = enqueue.log.split()[-1]
        system.open_gate()
        assert system.wait_for_end(running, *waiting) == ["completed"] * 4
        client.config_set("maxmemory", 0)
    room_at = time.monotonic()
    assert system.wait_for_end(meanwhile) == ["completed"]
    print(f"\nrecovery after a full broker: {time.monotonic() - room_at:.2f} s")  # noqa: T201
    assert system.effects() == dict.fromkeys([running, *waiting, meanwhile], 1)
    assert worker.alive
