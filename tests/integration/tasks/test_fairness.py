"""Sites take turns within a priority of a queue, whatever a site has waiting, and urgent jobs come first."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import pytest
import sqlalchemy as sa

from clerk import JobRequest, JobType, Priority, hookimpl, pauses
from clerk.database.engine import engine
from clerk.database.held import HeldConnection
from clerk.database.tables import jobs_table, sites_table, turns_table
from clerk.database.transactions import transaction
from clerk.plugin.loader import plugins
from clerk_tasks import dispatcher
from clerk_tasks.broker.publisher import Publisher
from clerk_tasks.ledger import interventions
from clerk_tasks.ledger.insert import NewStage
from clerk_tasks.ledger.publications import Waiting, promote_due
from clerk_tasks.ledger.retries import retry_jobs
from clerk_tasks.ledger.runs import record_run
from clerk_tasks.worker.children import Children
from clerk_tasks.worker.executor import Executor
from clerk_tasks.worker.relay import Relay
from devtools import claiming
from devtools.hand_clock import Clock
from tests.integration.ledger.ledger import job

QUEUE = "town"
BIG, SMALL, OTHER = "big.ca", "small.ca", "other.ca"
#: How many jobs a site has waiting, and how many of them may come before the single job of another site.
MANY, HANDFUL = 60, 4
#: After how many short jobs of a slice what has come meanwhile is seen.
SOON = 20


class Town:
    """A queue, the sites that use it, and the order in which one child does their jobs."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.during: dict[int, Callable[[], object]] = {}
        self.worker: Executor
        self.relay: Relay

    @hookimpl
    def register_job_types(self) -> Mapping[str, JobType]:
        return {"t": JobType(self._job, queue=QUEUE)}

    def _job(self, subdomain: str) -> None:
        self.order.append(subdomain)
        self.during.get(len(self.order), lambda: None)()

    def batch(self, site: str, number: int = MANY) -> list[str]:
        return dispatcher.enqueue_many([JobRequest("t", site)] * number).job_ids

    def one(self, site: str, priority: Priority = Priority.NORMAL) -> None:
        dispatcher.enqueue(JobRequest("t", site, priority=priority))

    def work(self, most: int | None = None) -> list[str]:
        """Do all that is available, or so many jobs, in one slice; return their sites in order."""
        self.worker.most = None if most is None else self.worker.done + most
        self.order = []
        self.worker.run_slice(QUEUE)
        return self.order


@pytest.fixture
def town(database_url: str, redis_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    monkeypatch.setenv("BROKER_URL", redis_url)
    made = Town()
    plugins().add(made, name="town", source="test", where="this test")
    with transaction() as connection:
        connection.execute(sa.insert(sites_table), [{"subdomain": name} for name in (BIG, SMALL, OTHER)])
    held = HeldConnection(engine())
    children = Children()
    made.worker = claiming.executor(held, pid=os.getpid(), clock=clock, children=children)
    made.relay = Relay(
        held,
        Publisher(redis_url),
        Waiting([QUEUE], ["t"]),
        renewal=5.0,
        paused_changed=children.pauses_changed,
    )
    yield made
    children.close()
    made.relay.publisher.close()
    held.close()


def test_a_single_job_does_not_wait_for_the_batch_of_another_site(town: Town) -> None:
    town.batch(BIG)
    town.one(SMALL)
    assert town.work().index(SMALL) < HANDFUL


def test_a_single_job_does_not_wait_for_as_many_that_were_enqueued_one_by_one(town: Town) -> None:
    for _ in range(MANY):
        town.one(BIG)
    town.one(SMALL)
    assert town.work().index(SMALL) < HANDFUL


def test_what_comes_during_a_slice_is_found_in_the_slice(town: Town) -> None:
    town.batch(BIG)
    town.during = {10: lambda: town.one(SMALL), 30: lambda: town.one(OTHER, Priority.HIGH)}
    order = town.work()
    assert 10 <= order.index(SMALL) <= 10 + SOON
    assert 30 <= order.index(OTHER) <= 30 + SOON
    assert len(order) == MANY + 2


def test_a_slice_does_not_end_before_what_came_meanwhile(town: Town) -> None:
    """Guard: the second search, where the first found nothing further on."""
    _scheduled(town.batch(BIG, 10)[:1])  # so that no job of the others is the last of its stage
    town.during = {9: lambda: town.one(SMALL, Priority.HIGH)}
    assert town.work() == [BIG] * 9 + [SMALL]


def test_long_jobs_let_what_is_more_urgent_go_first_at_once(town: Town, clock: Clock) -> None:
    """Guard: SECONDS_AHEAD."""
    town.batch(BIG, 10)
    town.during = dict.fromkeys(range(10), lambda: clock.go(0.05))
    town.during[3] = lambda: town.one(SMALL, Priority.HIGH)
    assert town.work().index(SMALL) <= 4


def test_two_batches_share(town: Town) -> None:
    """The second batch comes when the first has run for a while: neither waits for the other."""
    town.one(SMALL)
    town.batch(BIG)
    town.work(20)
    town.batch(SMALL)
    first = Counter(town.work(20))
    assert abs(first[BIG] - first[SMALL]) <= HANDFUL


def test_the_jobs_of_a_stage_that_opens_take_turns_from_then_on(town: Town) -> None:
    first, *_ = _run(BIG, [job(subdomain=BIG, queue=QUEUE)], [job(subdomain=BIG, queue=QUEUE) for _ in range(MANY)])
    town.batch(OTHER)
    town.work(20)
    with transaction() as connection:
        assert connection.execute(sa.select(jobs_table.c.state).where(jobs_table.c.id == first)).scalar() == "completed"
    town.one(SMALL)
    order = town.work()
    assert order.index(SMALL) < HANDFUL
    shares = Counter(order[:30])
    assert abs(shares[BIG] - shares[OTHER]) <= HANDFUL


def _run(site: str, *stages: list[object]) -> list[str]:
    new_stages = [NewStage(name=f"s{place}", jobs=jobs) for place, jobs in enumerate(stages)]  # type: ignore[arg-type]
    with transaction() as connection:
        return record_run(connection, "run", subdomain=site, pipeline="p", new_stages=new_stages).job_ids


def _scheduled(ids: list[str]) -> None:
    with transaction() as connection:
        connection.execute(sa.update(jobs_table).where(jobs_table.c.id.in_(ids)).values(state="retryable"))


def test_jobs_that_come_back_take_turns_from_then_on(town: Town) -> None:
    """A host was away, and all that waited for it is due at once."""
    _scheduled(town.batch(BIG))
    town.batch(OTHER)
    town.work(20)
    with transaction() as connection:
        promote_due(connection)
    town.one(SMALL)
    order = town.work()
    assert order.index(SMALL) < HANDFUL
    shares = Counter(order[:30])
    assert abs(shares[BIG] - shares[OTHER]) <= HANDFUL


def test_a_site_whose_jobs_were_cancelled_does_not_wait_for_their_turns(town: Town) -> None:
    ids = town.batch(BIG)
    with transaction() as connection:
        interventions.cancel_jobs(connection, ids, by="a test")
    town.batch(SMALL)
    town.one(BIG)
    assert town.work().index(BIG) < HANDFUL


def test_dead_letters_that_are_retried_take_turns(town: Town) -> None:
    ids = town.batch(BIG)
    with transaction() as connection:
        interventions.cancel_jobs(connection, ids, by="a test")
    town.batch(OTHER)
    town.work(20)
    with transaction() as connection:
        assert not retry_jobs(connection, ids).refused
    town.one(SMALL)
    assert town.work().index(SMALL) < HANDFUL


def test_a_site_that_is_resumed_shares(town: Town) -> None:
    town.batch(BIG)
    town.batch(OTHER)
    with transaction() as connection:
        pauses.pause(connection, "site", BIG, reason="moves", by="a test", seconds=None)
    town.relay.look()
    assert set(town.work(30)) == {OTHER}
    with transaction() as connection:
        pauses.resume(connection, "site", BIG)
    town.relay.look()
    shares = Counter(town.work(20))
    assert abs(shares[BIG] - shares[OTHER]) <= HANDFUL


def test_a_site_does_not_wait_for_turns_that_it_had(town: Town) -> None:
    """Guard: the turn that a queue has reached is noted when a slice ends."""
    town.batch(BIG)
    town.work()
    town.batch(SMALL)
    town.one(BIG)
    assert town.work().index(BIG) < HANDFUL


def test_what_was_passed_over_is_the_first_of_the_next_slice(town: Town) -> None:
    """Its row was locked when its turn came. Guard: a slice begins at the beginning, not at the turn that is noted."""
    town.batch(BIG)
    town.one(SMALL)
    with engine().connect() as other:
        if other.dialect.name == "sqlite":
            pytest.skip("SQLite locks no row")
        other.execute(sa.select(jobs_table).where(jobs_table.c.subdomain == SMALL).with_for_update())
        assert set(town.work(30)) == {BIG}
    assert town.work(1) == [SMALL]


def test_urgent_jobs_come_first_whatever_their_turn(town: Town) -> None:
    town.batch(BIG)
    town.work(30)
    town.one(SMALL, Priority.LOW)
    town.one(BIG, Priority.HIGH)
    order = town.work()
    assert (order[0], order[-1]) == (BIG, SMALL)


def test_the_turns_of_a_site_are_rows_of_it_alone(town: Town) -> None:
    """Guard: one enqueue locks no row that another site's enqueue needs."""
    town.batch(BIG)
    town.one(SMALL)
    with transaction() as connection:
        rows = {row.subdomain: row.turn for row in connection.execute(sa.select(turns_table))}
    assert rows == {BIG: MANY - 1, SMALL: 0}
