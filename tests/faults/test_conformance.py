"""Every broker, one behaviour: what all three brokers promise, with both databases."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
from celery import Celery

from clerk_tasks.broker.publisher import publisher
from clerk_tasks.broker.table import broker_url
from clerk_tasks.ledger.insert import Message
from devtools import messages
from devtools.minutely import begin, fates, jobs
from devtools.processes import script, wait_for
from devtools.system import System, children_of

#: How many slots a beat has missed: enough to be killed among them.
SLOTS = 60


def began(system: System) -> list[str]:
    """Return the jobs in the order in which they began."""
    path = Path(f"{system.effects_file}.began")
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


def assert_once(system: System, job_ids: Sequence[str], *, deadline: float = 30.0) -> None:
    """Wait until the jobs have completed; each has had its effect once, and needed one attempt."""
    assert system.wait_for_end(*job_ids, deadline=deadline) == ["completed"] * len(job_ids)
    assert {job_id: system.effects()[job_id] for job_id in job_ids} == dict.fromkeys(job_ids, 1)
    assert [system.attempts(job_id) for job_id in job_ids] == [["completed"]] * len(job_ids)


@pytest.mark.fault("F12")
@pytest.mark.fast
def test_delivery_with_or_without_duplicates(every_system: System) -> None:
    """The same message fifty times over: before its job begins, while it runs, and after it has ended."""
    system = every_system
    long, short = system.enqueue("gated"), system.enqueue("note")
    assert messages.copy_all(50) <= 2
    system.worker("-c", "2")
    system.wait_until_began(long)
    assert_once(system, [short])
    publisher().publish([Message(long, "gated", "default", 1)] * 50)
    wait_for(lambda: messages.depth() == 0, "they are all delivered while it runs", logs=system.programs.logs)
    system.open_gate()
    assert_once(system, [long])
    publisher().publish([Message(long, "gated", "default", 1), Message(short, "note", "default", 1)] * 50)
    assert_once(system, [system.enqueue("note", key="last", priority="low")])
    assert_once(system, [long, short])


@pytest.mark.slow
@pytest.mark.fast
def test_priority_within_a_queue(every_system: System) -> None:
    """High before normal before low, and within each in the order of their coming, once the only process is free."""
    system = every_system
    system.worker("-c", "1")
    blocker = system.enqueue("gated", priority="high")
    system.wait_until_began(blocker)
    words = ["low", "normal", "high", "low", "normal", "high"]
    # A worker has one message in hand beside the one that it works on, whatever comes after it.
    in_hand = system.enqueue("note", key="in-hand", priority="high")
    ids = [system.enqueue("note", key=f"{number}", priority=word) for number, word in enumerate(words)]
    system.open_gate()
    assert_once(system, [blocker, in_hand, *ids])
    assert began(system) == [blocker, in_hand, *(ids[number] for number in (2, 5, 1, 4, 0, 3))]


def test_pause_resume_and_purge(every_system: System) -> None:
    """A worker ordered to stop consuming, or stopped, goes on where it was; what was purged is published again."""
    system = every_system
    purged = [system.enqueue("note", key=f"purged-{number}") for number in range(2)]
    purge = system.programs.run(script("celery"), "-A", "clerk_tasks", "purge", "-f")
    assert purge.wait() == 0, purge.log
    assert messages.depth() == 0
    worker = system.worker("-c", "1")
    operator = Celery(broker=broker_url()).control
    assert "unconsumed" not in diagnosed(system)
    assert operator.cancel_consumer("default", reply=True, timeout=10, limit=1)
    assert "unconsumed" in diagnosed(system)
    unpublished = system.enqueue("note", key="unpublished")
    assert operator.add_consumer("default", reply=True, timeout=10, limit=1)
    for _ in range(20):
        operator.cancel_consumer("default")
        operator.add_consumer("default")
    family = [worker.pid, *(child.pid for child in children_of(worker))]
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    waiting = system.enqueue("note", key="waiting")
    for pid in reversed(family):
        os.kill(pid, signal.SIGCONT)
    assert_once(system, [unpublished, waiting, *purged])
    assert worker.alive


def diagnosed(system: System) -> str:
    """Return what `doctor` prints."""
    doctor = system.programs.clerk("doctor", "--json")
    assert doctor.wait() in (0, 1), doctor.log
    return doctor.log


@pytest.mark.slow
@pytest.mark.fast
def test_messages_of_others(every_system: System) -> None:
    """Garbage, and an unknown task: the worker drops them, and the job behind them runs."""
    system = every_system
    messages.send_bytes(b"\xff garbage")
    messages.send("[[], {}, {}]", headers={"task": "nobody.knows", "id": "x"}, content_type="application/json")
    job_id = system.enqueue("note")
    worker = system.worker("-c", "1")
    assert_once(system, [job_id])
    wait_for(lambda: messages.depth() == 0, "nothing of it stays", logs=system.programs.logs)
    assert worker.alive


def test_redelivery_and_restarts(every_system: System) -> None:
    """A message whose taker died is delivered again; what waits while no worker runs waits for the next."""
    system = every_system
    redelivered = system.enqueue("note", key="redelivered")
    messages.take_and_die()
    worker = system.worker("-c", "1")
    assert_once(system, [redelivered])
    assert worker.terminate() == 0, worker.log
    waiting = system.enqueue("note", key="waiting")
    worker.start()
    assert_once(system, [waiting])


def test_a_beat_that_is_killed_and_started_again(every_system: System) -> None:
    """A beat dies among the slots that it catches up with: each fires once, by either, and its job runs."""
    system = every_system
    begin(system, minutes_ago=SLOTS)
    system.worker("-c", "1")
    beat = system.programs.clerk("beat")
    wait_for(lambda: fates(system)["enqueued"], "a slot is fired", deadline=30, logs=system.programs.logs)
    beat.kill()
    beat.start()
    wait_for(lambda: fates(system)["enqueued"] >= SLOTS, "every slot is", deadline=30, logs=system.programs.logs)
    beat.terminate()
    fired = fates(system)["enqueued"]
    assert jobs(system) == fired
    wait_for(lambda: len(system.effects()) == fired, "every job runs", deadline=30, logs=system.programs.logs)
    assert set(system.effects().values()) == {1}
