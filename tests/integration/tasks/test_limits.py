"""Limits: how many jobs of a key run at once and begin in a time, and that they hold up no other job."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping

import pytest
import sqlalchemy as sa

from clerk import JobRequest, JobType, Limit, Snooze, hookimpl, pauses
from clerk.database.clock import now
from clerk.database.engine import engine
from clerk.database.held import HeldConnection
from clerk.database.tables import jobs_table, sites_table
from clerk.database.transactions import transaction
from clerk.errors import ConflictError, NotFoundError, UsageError
from clerk.plugin.loader import plugins, quarantined
from clerk_tasks import dispatcher
from clerk_tasks.broker.publisher import Publisher
from clerk_tasks.job_types.registry import registry
from clerk_tasks.ledger import limits
from clerk_tasks.ledger.publications import Waiting
from clerk_tasks.operations.limits import list_limits, reset_limit, set_limit
from clerk_tasks.operations.why import explain
from clerk_tasks.worker.executor import Executor
from clerk_tasks.worker.relay import Relay
from devtools import claiming
from devtools.hand_clock import Clock

QUEUE = "town"
SITES = ("a.ca", "b.ca")


class Plugin:
    """Job types with limits, and one without, in one queue; `running` is asked while a job of them runs."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.act: Callable[[], object] = lambda: None

    @hookimpl
    def register_job_types(self) -> Mapping[str, JobType]:
        return {
            "pair": JobType(self._pair, queue=QUEUE, limit=Limit(concurrency=2)),
            "each": JobType(self._each, queue=QUEUE, limit=Limit(concurrency=1, key="{subdomain}")),
            "slow": JobType(self._slow, queue=QUEUE, limit=Limit(rate="3/min")),
            "free": JobType(self._free, queue=QUEUE),
        }

    def _pair(self, subdomain: str) -> None:
        self._job("pair")

    def _each(self, subdomain: str) -> None:
        self._job("each")

    def _slow(self, subdomain: str) -> None:
        self._job("slow")

    def _free(self, subdomain: str) -> None:
        self._job("free")

    def _job(self, name: str) -> None:
        self.done.append(name)
        self.act()


@pytest.fixture
def plugin(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Plugin:
    monkeypatch.setenv("BROKER_URL", redis_url)
    made = Plugin()
    plugins().add(made, name="limited", source="test", where="this test")
    with transaction() as connection:
        connection.execute(sa.insert(sites_table), [{"subdomain": name} for name in SITES])
    return made


@pytest.fixture
def worker(plugin: Plugin, clock: Clock) -> Iterator[Executor]:
    held = HeldConnection(engine())
    yield claiming.executor(held, pid=os.getpid(), clock=clock)
    held.close()


@pytest.fixture
def relay(plugin: Plugin, redis_url: str, worker: Executor) -> Iterator[Relay]:
    publisher = Publisher(redis_url)
    yield Relay(worker.held, publisher, Waiting([QUEUE], list(registry().job_types)), renewal=5.0)
    publisher.close()


def enqueue(name: str, number: int, site: str = "a.ca") -> list[str]:
    return dispatcher.enqueue_many([JobRequest(name, site)] * number).job_ids


def states(name: str) -> list[str]:
    query = sa.select(jobs_table.c.state).where(jobs_table.c.job_type == name).order_by(jobs_table.c.id)
    with transaction() as connection:
        return list(connection.execute(query).scalars())


def test_no_more_are_available_than_may_run_at_once(plugin: Plugin, worker: Executor) -> None:
    """Whatever any number of workers claims, it is two at the most; each that ends makes the next available."""
    enqueue("pair", 10)
    assert states("pair").count("available") == 2
    seen: list[int] = []
    plugin.act = lambda: seen.append(sum(states("pair").count(state) for state in ("running", "available")))
    worker.run_slice(QUEUE)
    assert states("pair") == ["completed"] * 10
    assert max(seen) == 2


def test_jobs_that_are_enqueued_one_by_one_are_limited_too(plugin: Plugin) -> None:
    for _ in range(4):
        dispatcher.enqueue(JobRequest("pair", "a.ca"))
    assert states("pair") == ["available"] * 2 + ["held"] * 2


def test_a_key_limits_each_of_its_texts_by_itself(plugin: Plugin) -> None:
    enqueue("each", 3, "a.ca")
    enqueue("each", 3, "b.ca")
    assert states("each") == ["available", "held", "held"] * 2


def test_a_burst_with_a_limit_holds_up_no_other_job(plugin: Plugin, worker: Executor) -> None:
    """Oban Pro's partitioned limit let a burst of one key hold up everybody."""
    enqueue("pair", 50)
    enqueue("free", 5, "b.ca")
    worker.most = 12
    worker.run_slice(QUEUE)
    assert plugin.done.count("free") == 5


def test_a_limit_does_not_hold_its_own_jobs_up(plugin: Plugin, worker: Executor) -> None:
    """River Pro's limit halved a customer's throughput: here all of them are done in one slice."""
    enqueue("pair", 200)
    worker.run_slice(QUEUE)
    assert plugin.done == ["pair"] * 200


def test_a_rate_counts_what_began_in_the_period(plugin: Plugin, worker: Executor, relay: Relay) -> None:
    enqueue("slow", 5)
    worker.run_slice(QUEUE)
    assert plugin.done == ["slow"] * 3
    relay.look()
    worker.run_slice(QUEUE)
    assert plugin.done == ["slow"] * 3, "none may begin before a minute is over"
    with transaction() as connection:
        connection.execute(sa.update(jobs_table).values(started_at=now(-61.0)).where(jobs_table.c.state == "completed"))
    relay.look()
    worker.run_slice(QUEUE)
    assert plugin.done == ["slow"] * 5


def test_a_job_that_fails_or_snoozes_gives_its_place_away(plugin: Plugin, worker: Executor) -> None:
    enqueue("each", 3)
    acts = iter([ValueError("no"), Snooze(60.0)])

    def act() -> None:
        if error := next(acts, None):
            raise error

    plugin.act = act
    worker.run_slice(QUEUE)
    assert sorted(states("each")) == ["completed", "retryable", "retryable"]


def test_what_comes_back_is_held_again(plugin: Plugin, worker: Executor, relay: Relay) -> None:
    """A retry that is due waits for its limit like a new job."""
    ids = enqueue("each", 3)
    with transaction() as connection:
        connection.execute(
            sa.update(jobs_table).where(jobs_table.c.id.in_(ids)).values(state="retryable", due_at=now(-1.0))
        )
    relay.look()
    assert sorted(states("each")) == ["available", "held", "held"]


def test_a_place_that_a_dead_job_had_is_given_away_by_the_relay(plugin: Plugin, worker: Executor, relay: Relay) -> None:
    first, *_ = enqueue("each", 2)
    with transaction() as connection:
        connection.execute(sa.update(jobs_table).where(jobs_table.c.id == first).values(state="discarded"))
    relay.look()
    assert states("each") == ["discarded", "available"]


def test_what_is_paused_has_no_place(plugin: Plugin, relay: Relay) -> None:
    enqueue("pair", 3, "a.ca")
    enqueue("pair", 3, "b.ca")
    with transaction() as connection:
        pauses.pause(connection, "site", "a.ca", reason="moves", by="a test", seconds=None)
    relay.look()
    assert states("pair") == ["held"] * 3 + ["available"] * 2 + ["held"]
    with transaction() as connection:
        pauses.resume(connection, "site", "a.ca")
    relay.look()
    assert states("pair").count("available") == 2, "the limit holds after the pause as well"


def test_an_operators_limit_goes_before_the_plugins(plugin: Plugin) -> None:
    enqueue("pair", 6)
    made = set_limit("pair", concurrency=4, rate=None, unlimited=False, reason="a stronger server")
    assert (made["concurrency"], made["source"], made["available"], made["held"]) == (4, "operator", 4, 2)
    with transaction() as connection:
        limits.register(connection, {"pair": Limit(concurrency=1)})
    assert list_limits("pair")[0]["concurrency"] == 4, "a worker that starts does not undo it"
    made = set_limit("pair", concurrency=None, rate=None, unlimited=True, reason="none needed")
    assert (made["concurrency"], made["held"]) == (None, 0)
    assert reset_limit("pair")["source"] == "plugin"


def test_a_lower_limit_lets_what_is_available_be(plugin: Plugin) -> None:
    enqueue("pair", 6)
    set_limit("pair", concurrency=1, rate=None, unlimited=False, reason="too much")
    enqueue("pair", 1)
    assert states("pair").count("available") == 2


def test_a_job_type_that_loses_its_limit_frees_its_jobs(plugin: Plugin, relay: Relay) -> None:
    enqueue("pair", 6)
    with transaction() as connection:
        limits.register(connection, {"pair": None})
    relay.look()
    assert states("pair") == ["available"] * 6


@pytest.mark.parametrize(
    ("job_type", "given", "kind", "text"),
    [
        ("pair", {}, UsageError, "--none"),
        ("pair", {"concurrency": 0}, UsageError, "1 or more"),
        ("pair", {"rate": "often"}, UsageError, "30/min"),
        ("pair", {"rate": "0/min"}, UsageError, "30/min"),
        ("pair", {"concurrency": 2, "unlimited": True}, UsageError, "--none"),
        ("pair", {"concurrency": 2, "reason": " "}, UsageError, "--reason"),
        ("free", {"unlimited": True}, ConflictError, "gives it no limit"),
        ("peir", {"concurrency": 2}, NotFoundError, "pair"),
    ],
)
def test_what_is_wrong_changes_nothing(
    plugin: Plugin, job_type: str, given: Mapping[str, object], kind: type[Exception], text: str
) -> None:
    options = {"concurrency": None, "rate": None, "unlimited": False, "reason": "a test"} | dict(given)
    with pytest.raises(kind, match=text):
        set_limit(job_type, **options)  # type: ignore[arg-type]
    assert {row["source"] for row in list_limits()} == {"plugin"}


def test_reset_of_what_was_not_set_is_refused(plugin: Plugin) -> None:
    with pytest.raises(NotFoundError, match="limits show"):
        reset_limit("pair")


def test_why_names_the_limit(plugin: Plugin) -> None:
    *_, last = enqueue("pair", 3)
    said = " ".join(explain(last))
    assert "limit of pair: 2 at once" in said
    assert "0 run, 1 wait" in said


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (Limit(), "give a concurrency, a rate or both"),
        (Limit(concurrency=0), "whole number from 1"),
        (Limit(concurrency=True), "whole number from 1"),
        (Limit(rate="30 per minute"), "30/min"),
        (Limit(concurrency=1, key="{colour}"), "colour"),
        ("2", r"must be a clerk\.Limit"),
    ],
)
def test_a_wrong_limit_is_refused_with_its_plugin(database_url: str, limit: object, text: str) -> None:
    class Wrong:
        @hookimpl
        def register_job_types(self) -> Mapping[str, JobType]:
            return {"wrong": JobType(lambda subdomain: None, limit=limit)}  # type: ignore[arg-type]

    plugins().add(Wrong(), name="wrong", source="test", where="this test")
    assert "wrong" not in registry().job_types
    (found,) = (row for row in quarantined() if row.name == "wrong")
    assert re.search(text, str(found))
