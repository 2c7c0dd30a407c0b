"""One job at a time visits a host, with a pause after each request, over all processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext

import pytest
import sqlalchemy as sa

from clerk.database.clock import now
from clerk.database.held import HeldConnection
from clerk.database.tables import hosts_table
from clerk.fetching.visitor import VisitLimits, Visitor
from clerk.jobs import Snooze
from clerk_tasks.ledger import hosts
from clerk_tasks.worker import host_visits
from devtools import city_site
from devtools.hand_clock import Clock
from tests.integration.ledger.ledger import LedgerOf
from tests.integration.tasks.one_job import OneJob, run

PAUSE = 0.5


Visits = Callable[[str], host_visits.HostVisits]


@pytest.fixture
def visits(on_both: LedgerOf, clock: Clock) -> Iterator[Visits]:
    """Make the visits of a job, each in a process of its own; they sleep by the hand clock and the database's."""
    opened: list[HeldConnection] = []

    def sleep(seconds: float) -> None:
        clock.go(seconds)
        passed = sa.update(hosts_table).values(free_at=now(-1.0)).where(hosts_table.c.job_id.is_(None))
        with on_both.engine.begin() as connection:
            connection.execute(passed)

    def make(job_id: str) -> host_visits.HostVisits:
        held = HeldConnection(on_both.engine)
        opened.append(held)
        return host_visits.HostVisits(job_id, held, nullcontext, clock=clock, sleep=sleep)

    yield make
    for held in opened:
        held.close()


def test_a_host_that_is_visited_is_waited_for_and_then_put_off(visits: Visits, clock: Clock) -> None:
    first, second = visits("one"), visits("two")
    began = clock()
    with first.visiting("h", PAUSE), pytest.raises(Snooze, match="another job visits h"), second.visiting("h", PAUSE):
        raise AssertionError
    assert clock() - began == pytest.approx(host_visits.HOST_PATIENCE, abs=host_visits.LOOK)
    with second.visiting("h", PAUSE):
        pass
    assert clock() - began > host_visits.HOST_PATIENCE, "it waited for the pause after the visit"


def test_other_hosts_and_hosts_without_a_pause_are_free(visits: Visits, clock: Clock) -> None:
    first, second = visits("one"), visits("two")
    with first.visiting("h", PAUSE), second.visiting("other", PAUSE), second.visiting("h", 0.0):
        pass
    assert clock() == Clock()()


def test_a_later_attempt_goes_on_and_a_dead_visitor_is_not_waited_for_for_ever(on_both: LedgerOf) -> None:
    assert on_both.do(hosts.take, "h", "one") == 0
    assert on_both.do(hosts.take, "h", "one") == 0
    assert on_both.do(hosts.take, "h", "two") == pytest.approx(hosts.LEASE, abs=5)
    with on_both.engine.begin() as connection:
        connection.execute(sa.update(hosts_table).values(free_at=now(-0.1)))
    assert on_both.do(hosts.take, "h", "two") == 0
    on_both.do(hosts.release, "h", "one", pause=PAUSE)
    assert on_both.do(hosts.take, "h", "three") > PAUSE, "what one gives back is not its own any more"


def test_each_request_of_a_job_is_a_visit(on_both: LedgerOf, plugin: OneJob) -> None:
    """Guard: `visiting` in Visitor._step, with the pause that it leaves."""
    with city_site.serving() as city:
        city.routes["/"] = city_site.page("here")
        visitor = Visitor(allowed=[city.url], limits=VisitLimits(pause=60.0))
        row = run(on_both, plugin, lambda: visitor.request("GET", f"{city.url}/").text)
    assert row.state == "completed"
    with on_both.engine.begin() as connection:
        (host,) = connection.execute(sa.select(hosts_table))
    assert (host.host, host.job_id) == (city.url.removeprefix("http://"), None)
    assert on_both.do(hosts.take, host.host, "next") == pytest.approx(60, abs=10)
