"""Far more is enqueued than the workers can do: it waits in a table, and costs no more than its rows and messages."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import timedelta
from functools import partial

import psutil
import pytest

from clerk.database.clock import database_time
from clerk.errors import DatabaseUnavailable
from clerk.jobs import JobRequest
from clerk_tasks.broker.publisher import publisher
from clerk_tasks.dispatcher import enqueue_many
from clerk_tasks.ledger import publications
from devtools import pressures
from devtools.processes import Program, wait_for
from devtools.services import PostgresServer
from devtools.system import SITE, System

pytestmark = pytest.mark.timeout(300)

JOBS = 5000


def memory_of(worker: Program) -> float:
    """Return the megabytes that a worker and its children hold."""
    family = [psutil.Process(worker.pid), *worker.children()]
    return sum(process.memory_info().rss for process in family) / 1e6


def let_the_relay_pass(system: System, *, seconds: float) -> None:
    """Wait until the relay, which passes twice a second, has passed often."""
    with system.engine.connect() as connection:
        enough = database_time(connection) + timedelta(seconds=seconds)

    def passed() -> bool:
        with system.engine.connect() as connection:
            return database_time(connection) > enough

    wait_for(passed, "the relay has passed")


@pytest.mark.fault("F14")
@pytest.mark.parametrize("broker_url", ["redis", "rabbitmq"], indirect=True)
def test_five_thousand_jobs_wait_for_two_busy_children(every_broker_system: System) -> None:
    """A handful of messages is enough for them all, however long they wait."""
    system = every_broker_system
    worker = system.worker("-c", "2")
    busy = [system.enqueue("gated") for _ in range(2)]
    for job_id in busy:
        system.wait_until_began(job_id)
    memory = memory_of(worker)
    began_at = time.monotonic()
    batch = enqueue_many([JobRequest("note", SITE, {"key": f"k{number}"}) for number in range(JOBS)])
    took = time.monotonic() - began_at
    assert batch.published
    assert took < 10
    let_the_relay_pass(system, seconds=3)
    assert publisher().depth("default") <= 2 * publications.FEW

    urgent_at = time.monotonic()
    urgent = system.enqueue("note", key="urgent", priority="high")
    assert time.monotonic() - urgent_at < 1
    why = system.programs.clerk("why", batch.job_ids[-1])
    assert why.wait() == 0
    assert f"It waits in queue default, with {JOBS} jobs before it" in why.log
    assert f"The broker holds {publisher().depth('default')} messages of queue default." in why.log

    system.open_gate()
    assert system.wait_for_end(urgent, *busy) == ["completed"] * 3
    wait_for(lambda: len(system.effects()) == JOBS + 3, "all is done", deadline=200, logs=system.programs.logs)
    assert set(system.effects().values()) == {1}
    assert set(system.wait_for_end(*batch.job_ids[-20:])) == {"completed"}
    begun = system.began()
    assert begun[urgent] < begun[batch.job_ids[JOBS // 10]], "what is urgent overtakes"
    growth = memory_of(worker) - memory
    rate = JOBS / took
    print(f"\n{rate:.0f} jobs/s enqueued, {growth:+.0f} MB")  # noqa: T201
    assert growth < 60
    assert worker.alive


PRESSURES = {
    "a transaction pins xmin": pressures.pinned_xmin,
    "REPEATABLE READ readers": pressures.readers,
    "connections are terminated": pressures.terminations,
    "idle connections": partial(pressures.idle_connections, count=150),
}


@pytest.mark.fault("F9")
@pytest.mark.parametrize("pressure", PRESSURES.values(), ids=PRESSURES)
def test_what_others_do_to_the_database(
    own_postgres_system: System,
    private_postgres: PostgresServer,
    pressure: Callable[[str], AbstractContextManager[None]],
) -> None:
    """The pressures of the public benchmark of job queues: each job ends, and has its effect once."""
    system = own_postgres_system
    system.worker("-c", "2")
    ids = []
    with pressure(private_postgres.url.replace("+psycopg", "")):
        for batch in range(20):
            requests = [JobRequest("note", SITE, {"key": f"k{batch}-{number}"}) for number in range(20)]
            ids += recorded(requests)
            wait_for(partial(so_many_effects, system, len(ids) - 200), "the workers keep up", deadline=60)
        wait_for(partial(so_many_effects, system, len(ids)), "every job has its effect", deadline=60)
    assert system.wait_for_end(*ids, deadline=60) == ["completed"] * len(ids)
    assert system.effects() == dict.fromkeys(ids, 1)


def so_many_effects(system: System, count: int) -> bool:
    """Return whether as many jobs have had their effect."""
    return len(system.effects()) >= count


def recorded(requests: list[JobRequest]) -> list[str]:
    """Enqueue jobs, again if the database closes the connection meanwhile, as an operator would."""
    for _ in range(10):
        with suppress(DatabaseUnavailable):
            return enqueue_many(requests).job_ids
    raise AssertionError("the database is away")
