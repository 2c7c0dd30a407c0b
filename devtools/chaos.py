"""Faults that a soak and a comparison inject into a fleet of workers, and how each is healed."""

from __future__ import annotations

import contextlib
import signal
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from random import Random
from typing import Literal

import kombu
import psutil
import psycopg

from devtools.breakable import BreakableBroker
from devtools.processes import Program, Programs
from devtools.services import PostgresServer

Heal = Callable[[], None]

#: What no worker can read: no headers, no JSON, a task that nobody has.
GARBAGE = (b"\x80\x04garbage", b'{"not": "a task"}', b"[[1], {}, {}]")


class Fleet(ABC):
    """Some workers of one queue, and the servers that they need."""

    queue = "default"

    def __init__(self, programs: Programs, broker: BreakableBroker, postgres: PostgresServer | None = None) -> None:
        self.programs, self.broker, self.postgres = programs, broker, postgres
        self.workers: list[Program] = []

    @abstractmethod
    def start_worker(self) -> None:
        """Start one more worker and wait until it takes jobs."""

    @abstractmethod
    def enqueue(self, seconds: float) -> str:
        """Enqueue a job that takes so long, and then leaves an effect; return its id."""

    @abstractmethod
    def poison(self) -> None:
        """Enqueue a job that kills its process, every time."""

    @abstractmethod
    def effects(self) -> Counter[str]:
        """Return how often each job had its effect."""

    @abstractmethod
    def began(self) -> int:
        """Return how many attempts have begun."""

    @abstractmethod
    def redeliver(self, rng: Random) -> None:
        """Deliver messages again that were delivered before."""

    @abstractmethod
    def broker_url(self) -> str:
        """Return the broker's address."""

    def restart(self, worker: Program) -> None:
        """Start a worker again that has ended, as a supervisor would."""
        worker.wait(deadline=90)
        worker.start()


def family(worker: Program) -> list[psutil.Process]:
    """Return the worker's parent and its descendants."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [psutil.Process(worker.pid), *worker.children()]
    return []


@dataclass(frozen=True)
class Fault:
    """One kind of fault: what it does, to what, and for how long, in seconds."""

    name: str
    target: Literal["worker", "broker", "database", "message", "operator"]
    inject: Callable[[Fleet, Random], Heal]
    lasts: float = 0.0


def _nothing() -> None:
    """Heal by itself."""


def _signal(number: signal.Signals, processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def _kill_child(fleet: Fleet, rng: Random) -> Heal:
    children = [child for child in family(rng.choice(fleet.workers))[1:] if _executes(child)]
    _signal(signal.SIGKILL, children and [rng.choice(children)])
    return _nothing


def _executes(process: psutil.Process) -> bool:
    """Return whether it executes jobs, rather than being the resource tracker."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return "resource_tracker" not in " ".join(process.cmdline())
    return False


def _kill_worker(fleet: Fleet, rng: Random) -> Heal:
    worker = rng.choice(fleet.workers)
    _signal(signal.SIGKILL, family(worker)[:1])
    return lambda: fleet.restart(worker)


def _end_worker(fleet: Fleet, rng: Random) -> Heal:
    worker = rng.choice(fleet.workers)
    _signal(signal.SIGTERM, family(worker)[:1])
    return lambda: fleet.restart(worker)


def _freeze_worker(fleet: Fleet, rng: Random) -> Heal:
    frozen = family(rng.choice(fleet.workers))
    _signal(signal.SIGSTOP, frozen)
    return lambda: _signal(signal.SIGCONT, frozen[::-1])


def _freeze_parent(fleet: Fleet, rng: Random) -> Heal:
    frozen = family(rng.choice(fleet.workers))[:1]
    _signal(signal.SIGSTOP, frozen)
    return lambda: _signal(signal.SIGCONT, frozen)


def _kill_broker(fleet: Fleet, _: Random) -> Heal:
    fleet.broker.kill()
    return fleet.broker.heal


def _freeze_broker(fleet: Fleet, _: Random) -> Heal:
    fleet.broker.pause()
    return fleet.broker.resume


def _forget(fleet: Fleet, _: Random) -> Heal:
    fleet.broker.forget()
    return _nothing


def _redeliver(fleet: Fleet, rng: Random) -> Heal:
    fleet.redeliver(rng)
    return _nothing


def _poison(fleet: Fleet, _: Random) -> Heal:
    fleet.poison()
    return _nothing


def _garbage(fleet: Fleet, _: Random) -> Heal:
    with kombu.Connection(fleet.broker_url()) as connection:
        channel = connection.channel()
        for body, kind in product(GARBAGE, ("application/json", "application/x-python-serialize")):
            producer = kombu.Producer(channel)
            producer.publish(
                body, exchange="", routing_key=fleet.queue, content_type=kind, content_encoding="utf-8", delivery_mode=2
            )
        if connection.transport.driver_type == "redis":
            channel.client.lpush(fleet.queue, b"not even an envelope")
    return _nothing


def _cut_connections(fleet: Fleet, _: Random) -> Heal:
    assert fleet.postgres is not None
    with psycopg.connect(_plain(fleet.postgres), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    return _nothing


def _kill_database(fleet: Fleet, _: Random) -> Heal:
    assert fleet.postgres is not None
    fleet.postgres.kill()
    return fleet.postgres.start


def _plain(server: PostgresServer) -> str:
    return server.url.replace("+psycopg", "")


NO_FAULT = Fault("none, for comparison", "message", lambda _fleet, _rng: _nothing)
#: Faults that every fleet knows; a worker that is stopped stays so for longer than the tests' lease of 6 s.
FAULTS = (
    Fault("a worker's child is killed", "worker", _kill_child),
    Fault("a worker's parent is killed", "worker", _kill_worker, lasts=1.0),
    Fault("a worker is asked to end", "worker", _end_worker, lasts=0.5),
    Fault("a worker is stopped past its lease", "worker", _freeze_worker, lasts=10.0),
    Fault("a worker's parent alone is stopped past its lease", "worker", _freeze_parent, lasts=10.0),
    Fault("the broker is killed", "broker", _kill_broker, lasts=2.0),
    Fault("the broker does not answer", "broker", _freeze_broker, lasts=6.0),
    Fault("the broker forgets everything", "broker", _forget),
    Fault("messages are delivered again", "message", _redeliver),
    Fault("messages are garbage", "message", _garbage),
)
POISON = Fault("a job kills its process, every time", "message", _poison)
DATABASE_FAULTS = (
    Fault("the database's connections are cut", "database", _cut_connections),
    Fault("the database is killed", "database", _kill_database, lasts=2.0),
)
