"""Times of a clock that was ahead: `doctor`, `health` and `why` name the same, and mending them helps."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from clerk.database.clock import now, seconds_between
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import pauses_table as pauses
from clerk.database.tables import queues_table as queues
from clerk.database.tables import runs_table as runs
from clerk.database.tables import schedule_slots_table as slots
from clerk.database.tables import sites_table as sites
from clerk.database.tables import workers_table as workers
from clerk.database.transactions import transaction
from clerk_tasks.ledger import publications
from clerk_tasks.operations.doctor import diagnose
from clerk_tasks.operations.health import check_health
from clerk_tasks.operations.level import Level
from clerk_tasks.operations.why import explain
from tests.integration.operations.conftest import Enqueue

pytestmark = pytest.mark.slow

HOUR, DAY, YEAR = 3600.0, 86400.0, 365 * 86400.0
RUNNING = sa.update(jobs).values(
    state="running", started_at=now(), lease_until=now(5), deadline_at=now(60), attempt=1, instance="i"
)
#: A kind of time, and what a clock that was a year ahead leaves in the ledger.
AHEAD = {
    "retries": sa.update(jobs).values(state="retryable", due_at=now(YEAR), started_at=now(YEAR - 60)),
    "messages": sa.update(queues).values(published_at=now(YEAR)),
    "delays": sa.update(jobs).values(state="scheduled", due_at=now(2 * DAY), created_at=now(2 * DAY - 60)),
    "leases": RUNNING.values(lease_until=now(HOUR)),
    "time limits": RUNNING.values(deadline_at=now(YEAR)),
    "cancellations": RUNNING.values(cancel_requested_at=now(YEAR)),
    "dead letters": sa.update(jobs).values(state="discarded", finished_at=now(YEAR)),
    "workers": sa.insert(workers).values(
        instance="i",
        hostname="h",
        pid=1,
        version="1",
        queues=[],
        job_types=[],
        concurrency=1,
        started_at=now(),
        seen_at=now(YEAR),
    ),
    "runs": sa.update(runs).values(created_at=now(YEAR)),
    "pauses": sa.insert(pauses).values(kind="host", name="h", reason="r", by="b", since=now(YEAR), until=None),
    "finance updates": sa.update(sites).values(finance_last_updated=now(YEAR)),
    "meetings updates": sa.update(sites).values(last_updated="2096-01-31 04:05:06"),
    "slots": sa.insert(slots).values(
        schedule="s", due_at=now(YEAR), fate="enqueued", jobs=[], detail=None, decided_at=now(YEAR)
    ),
}


#: The kinds that are a job's own.
OF_A_JOB = {"retries", "delays", "leases", "time limits", "cancellations", "dead letters"}


def future() -> list[str]:
    return [each.damage.subject for each in diagnose(fix=False) if each.damage.kind == "future"]


def explains_the_clock(job: str) -> bool:
    return any("was written by a clock that was ahead: run `clerk-tasks doctor --fix`" in line for line in explain(job))


@pytest.mark.parametrize("name", AHEAD)
def test_times_of_a_clock_that_was_ahead_are_mended(enqueue: Enqueue, engine: Engine, name: str) -> None:
    job = enqueue("fine")
    with transaction(engine) as connection:
        publications.register_queues(connection, ["default"])
        connection.execute(AHEAD[name])

    assert future() == [name]
    assert [each.level for each in check_health() if each.check == "clock"] == [Level.ATTENTION]
    assert explains_the_clock(job) == (name in OF_A_JOB)
    assert [each.mended for each in diagnose(fix=True) if each.damage.kind == "future"] == [True]
    assert future() == []
    assert [each for each in check_health() if each.check == "clock"] == []
    assert not explains_the_clock(job)


@pytest.mark.parametrize(
    "values",
    [
        {"state": "retryable", "due_at": now(7 * DAY), "started_at": now()},
        {"state": "retryable", "due_at": now(37 * DAY), "started_at": now(), "backoff_cap": 30 * DAY},
        {"state": "scheduled", "due_at": now(10 * YEAR)},
        {"state": "completed", "due_at": now(), "started_at": now(), "finished_at": now()},
        {"state": "discarded", "finished_at": now()},
    ],
    ids=["Retry(after)", "a long backoff", "enqueue --at", "completed", "dead letter"],
)
def test_what_was_asked_for_is_no_mistake_of_a_clock(enqueue: Enqueue, engine: Engine, values: dict[str, Any]) -> None:
    job = enqueue("fine")
    with transaction(engine) as connection:
        connection.execute(sa.update(jobs).values(**values))
    assert future() == []
    assert not explains_the_clock(job)


@pytest.mark.parametrize("text", ["2026-01-31 04:05:06", "2026-01-31T04:05:06+00:00", "yesterday", "", "unknown", None])
def test_what_several_programs_wrote_of_a_site_is_no_mistake_of_a_clock(engine: Engine, text: str | None) -> None:
    with transaction(engine) as connection:
        connection.execute(sa.update(sites).values(last_updated=text, finance_last_updated=now()))
    assert future() == []


def test_sites_that_were_updated_in_the_future_have_their_turn_again(engine: Engine) -> None:
    with transaction(engine) as connection:
        columns = {"last_updated": "2096-01-31 04:05:06", "finance_last_updated": now(YEAR), "scraper": "x"}
        connection.execute(sa.update(sites).values(columns))
    diagnose(fix=True)
    with transaction(engine) as connection:
        row = connection.execute(sa.select(sites.c.last_updated, sites.c.finance_last_updated)).one()
    assert tuple(row) == (None, None)


def test_a_running_job_has_no_time_of_a_clock_that_was_ahead(enqueue: Enqueue, engine: Engine) -> None:
    job = enqueue("fine")
    with transaction(engine) as connection:
        connection.execute(RUNNING.values(cancel_requested_at=now()))
    assert future() == []
    assert not explains_the_clock(job)


def test_a_dead_letter_of_the_future_is_none_of_the_last_day(enqueue: Enqueue, engine: Engine) -> None:
    enqueue("fine")
    for finished, said in ((now(YEAR), False), (now(-2 * DAY), False), (now(-60), True)):
        with transaction(engine) as connection:
            connection.execute(sa.update(jobs).values(state="discarded", finished_at=finished))
        assert ("dead letters" in [each.check for each in check_health()]) == said


@pytest.mark.parametrize("lasts", [20.0, None])
def test_a_pause_that_began_in_the_future_lasts_as_long_as_it_was_meant_to(engine: Engine, lasts: float | None) -> None:
    until = None if lasts is None else now(2 * HOUR + lasts)
    pause = {"kind": "site", "name": "alameda.ca", "reason": "r", "by": "b", "since": now(2 * HOUR), "until": until}
    with transaction(engine) as connection:
        connection.execute(sa.insert(pauses).values(pause))
    assert future() == ["pauses"]
    diagnose(fix=True)
    with transaction(engine) as connection:
        length = connection.execute(sa.select(seconds_between(pauses.c.since, pauses.c.until))).scalar_one()
        ends = connection.execute(sa.select(seconds_between(now(), pauses.c.until))).scalar_one()
    assert length == (None if lasts is None else pytest.approx(lasts, abs=0.1))
    assert ends is None or ends <= 20
