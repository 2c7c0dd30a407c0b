"""Whose turn it is for the finance ETL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from clerk import db, finance_db
from clerk.database.clock import now
from clerk.database.states import FINISHED, UNFINISHED
from clerk.database.tables import jobs_table
from clerk.errors import NotFoundError
from clerk.sites import finance, rows
from clerk_tasks.ledger.insert import NewJob, NewStage
from clerk_tasks.ledger.runs import record_run

pytestmark = pytest.mark.usefixtures("database_url")

DAY = timedelta(days=1)
TODAY = datetime.now(UTC)


def add(subdomain: str, *, updated: datetime | None = None, state: str = "CA", has: bool = True) -> None:
    columns = {"state": state, "has_finance_data": has, "finance_last_updated": updated, "last_updated": "2026-01-01"}
    with db.transaction() as connection:
        rows.insert_site(connection, {"subdomain": subdomain, **columns})


def enqueue(
    connection: sa.Connection,
    subdomain: str,
    *,
    job_type: str = "finance-etl",
    state: str | None = None,
    days_ago: int = 0,
) -> None:
    stage = NewStage(name="all", jobs=[NewJob(job_type=job_type, subdomain=subdomain)])
    run_id = f"{subdomain}_{job_type}_{state}_{days_ago}"
    ids = record_run(connection, run_id, subdomain=subdomain, pipeline=job_type, new_stages=[stage]).job_ids
    job = jobs_table.update().where(jobs_table.c.id == ids[0])
    connection.execute(job.values(created_at=now(-86400.0 * days_ago)))
    if state:
        connection.execute(job.values(state=state))


def turns(limit: int = 10) -> list[str]:
    with db.transaction() as connection:
        return finance.next_finance_sites(connection, limit)


def next_one() -> str | None:
    site = db.get_next_finance_site()
    return str(site["subdomain"]) if site else None


def test_never_comes_first_then_the_oldest() -> None:
    add("new.ca", updated=TODAY - DAY)
    add("old.ca", updated=TODAY - 9 * DAY)
    add("never-b.ca")
    add("never-a.ca")

    assert turns() == ["never-a.ca", "never-b.ca", "old.ca", "new.ca"]
    assert turns(limit=1) == ["never-a.ca"] == [next_one()]


def test_only_sites_with_finance_data_in_the_right_state() -> None:
    add("no-data.ca", has=False)
    add("portland.or", state="OR")
    add("kitchener.on", state="ON")

    assert (turns(), next_one()) == ([], None)


def test_the_states_are_configurable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLERK_FINANCE_STATES", "OR, WA")
    for subdomain, state in {"a.ca": "CA", "b.or": "OR", "c.wa": "WA"}.items():
        add(subdomain, state=state)

    assert turns() == ["b.or", "c.wa"]


@pytest.mark.parametrize("state", UNFINISHED)
def test_a_site_being_worked_on_is_left_out(state: str) -> None:
    add("busy.ca")
    add("idle.ca", updated=TODAY)
    with db.transaction() as connection:
        enqueue(connection, "busy.ca", job_type="finance-extract", state=state)

    assert (turns(), next_one()) == (["idle.ca"], "idle.ca")


@pytest.mark.parametrize("state", FINISHED)
def test_a_finished_job_frees_the_site(state: str) -> None:
    add("a.ca")
    with db.transaction() as connection:
        enqueue(connection, "a.ca", state=state)

    assert turns() == ["a.ca"]


def test_other_kinds_of_work_do_not_count() -> None:
    add("a.ca")
    with db.transaction() as connection:
        enqueue(connection, "a.ca", job_type="fetch-site")
        enqueue(connection, "a.ca", job_type="financelike")

    assert turns() == ["a.ca"]


def test_a_site_that_keeps_failing_does_not_starve_the_others() -> None:
    """Its data stay the oldest, so by those alone it would be chosen every night."""
    add("failing.ca", updated=TODAY - 400 * DAY)
    add("never-works.ca")
    add("fine.ca", updated=TODAY - 3 * DAY)
    with db.transaction() as connection:
        enqueue(connection, "failing.ca", state="discarded", days_ago=2)
        enqueue(connection, "never-works.ca", state="discarded", days_ago=9)
        enqueue(connection, "never-works.ca", state="discarded", days_ago=1)
        enqueue(connection, "fine.ca", state="completed", days_ago=300)

    assert turns() == ["fine.ca", "failing.ca", "never-works.ca"]


def test_looking_takes_no_turn() -> None:
    add("a.ca")

    assert next_one() == next_one() == "a.ca"


def test_two_callers_never_take_the_same_site() -> None:
    names = [f"s{number:02}.ca" for number in range(12)]
    for name in names:
        add(name)

    def take(_: int) -> list[str]:
        with db.transaction() as connection:
            chosen = finance.next_finance_sites(connection, 2)
            for subdomain in chosen:
                enqueue(connection, subdomain)
        return chosen

    with ThreadPoolExecutor(4) as pool:
        taken = [name for chosen in pool.map(take, range(8)) for name in chosen]

    assert sorted(taken) == names


def test_the_status_touches_finance_columns_and_updated_at_only() -> None:
    add("a.ca", has=False)
    before = finance_db.get_all_sites()[0]

    db.update_site_finance_status("a.ca", True)

    after = finance_db.get_all_sites()[0]
    assert {name for name in after if after[name] != before[name]} == {"has_finance_data", "updated_at"}
    assert abs(after["updated_at"] - TODAY) < timedelta(hours=1)
    assert [site["subdomain"] for site in db.get_sites_with_finance_data()] == ["a.ca"]


def test_a_site_newly_said_to_have_data_comes_first() -> None:
    add("old.ca", updated=TODAY - 100 * DAY)
    add("new.ca", has=False)
    db.update_site_finance_status("new.ca", True)

    assert next_one() == "new.ca"


@pytest.mark.parametrize("true", [True, 1])
def test_saying_it_again_sends_the_site_to_the_end(true: bool) -> None:
    """What the seed's update did for its rotation."""
    add("a.ca")
    add("b.ca")
    db.update_site_finance_status("a.ca", true)

    assert turns() == ["b.ca", "a.ca"]


def test_a_site_without_data_any_more_keeps_what_is_known() -> None:
    add("a.ca", updated=TODAY - DAY)

    db.update_site_finance_status("a.ca", False)

    known = finance_db.get_finance_metadata("a.ca")
    assert known is not None
    assert known["has_finance_data"] is False
    assert abs(known["last_updated"] - (TODAY - DAY)) < timedelta(seconds=1)
    assert db.get_sites_with_finance_data() == []


def test_metadata_are_recorded_and_what_is_not_given_stays() -> None:
    add("a.ca", has=False)
    coverage = {"coverage_start": date(2015, 1, 1), "coverage_end": date(2025, 12, 31)}
    finance.update_site_finance_metadata(
        "a.ca", "NetFile", **coverage, record_count=7, data_types=["A-Contributions"], has_finance_data=True
    )
    finance.update_site_finance_metadata("a.ca", record_count=0)

    known = finance.get_finance_metadata("a.ca")

    assert known is not None
    assert abs(known.pop("last_updated") - TODAY) < timedelta(hours=1)
    assert known == {
        "source": "NetFile",
        "record_count": 0,
        "data_types": ["A-Contributions"],
        "has_finance_data": True,
        **coverage,
    }


def test_a_site_that_does_not_exist() -> None:
    with pytest.raises(NotFoundError, match=r"no site 'x\.ca'"):
        db.update_site_finance_status("x.ca", True)
    with pytest.raises(NotFoundError, match=r"no site 'x\.ca'"):
        finance.update_site_finance_metadata("x.ca")
    assert finance.get_finance_metadata("x.ca") is None


def test_a_site_with_a_bad_name_has_no_turn_and_delays_no_other() -> None:
    add("San_Jose.CA")
    add("good.ca", updated=TODAY)

    assert (next_one(), turns(1)) == ("good.ca", ["good.ca"])


def test_a_clock_that_was_ahead_costs_no_site_its_turn() -> None:
    add("ahead.ca", updated=TODAY + 400 * DAY)
    add("good.ca", updated=TODAY)

    assert turns() == ["ahead.ca", "good.ca"]
