"""Whose turn it is, and that nobody takes another's: runs of one site, and `update --next-site`."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clerk.database.transactions import transaction
from clerk.errors import ConflictError
from clerk.plugin.loader import plugin_manager
from clerk.sites.rows import get_oldest_site, take_oldest_sites, update_site
from clerk_tasks.ledger import interventions
from clerk_tasks.operations import updates
from tests.integration.pipeline.city import SITE, City, CityPlugin, PaperFetcher

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC)


def updated(subdomain: str, last_updated: str | None) -> None:
    """Set when a site was updated."""
    with transaction() as connection:
        update_site(connection, subdomain, {"last_updated": last_updated})


def next_site(city: City) -> str | None:
    """Enqueue the next site, and return it."""
    job_ids = updates.update_meetings(None).job_ids
    return str(city.job(job_ids[0])["subdomain"]) if job_ids else None


# --- one site, one run ----------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["fetch", "ocr", "compilation", "deploy"])
@pytest.mark.parametrize("done", [0, 1, 2, 3])
def test_two_runs_of_a_site_cannot_overlap(city: City, stage: str, done: int) -> None:
    """Wherever the first run is, and wherever the second would begin: the conflict names who is in the way."""
    run_id = city.update()
    for job_type in ("fetch-site", "coordinator", "db-compilation")[:done]:
        city.work_one(job_type)
    with pytest.raises(ConflictError, match=r"^Job (\S+) is already doing this") as refused:
        city.update(start=stage)
    winner = str(refused.value).split()[1]
    assert city.job(winner)["run_id"] == run_id
    assert len(city.jobs()) == 4, "nothing of the second run is left"


def test_a_run_may_begin_when_the_last_has_ended_or_failed(city: City) -> None:
    city.plugin.raising["deploy_municipality"] = OSError("no route to host")
    assert city.day()["state"] == "failed"
    city.plugin.raising.clear()
    assert city.day()["state"] == "completed"
    assert city.day()["state"] == "completed"


def test_two_callers_at_once_begin_one_run(every_city: City) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = [pool.submit(every_city.update) for _ in range(4)]
    assert [type(error) for call in made if (error := call.exception())] == [ConflictError] * 3
    assert len(every_city.jobs()) == 4


# --- the next site --------------------------------------------------------------------------------


def test_the_site_longest_untouched_is_next(city: City) -> None:
    """In every format of old databases; one whose text is no time was never updated."""
    for name, text in {
        "d.ca": "2024-01-05",
        "b.ca": "2024-01-02 10:00:00.123456",
        "a.ca": "2024-01-02T09:00:00",
        "c.ca": "2024-01-02T05:30:00-07:00",
        "never.ca": None,
        "odd.ca": "last week",
        "fresh.ca": (NOW - timedelta(hours=22)).isoformat(),
        "byhand.ca": None,
    }.items():
        city.add(name, last_updated=text, scraper=None if name == "byhand.ca" else "papers")
    updated(SITE, NOW.isoformat())
    taken = [next_site(city) for _ in range(7)]
    assert taken == ["never.ca", "odd.ca", "a.ca", "b.ca", "c.ca", "d.ca", None]


def test_a_site_is_due_again_after_the_look_back(city: City) -> None:
    run = city.day()
    assert next_site(city) is None
    city.ran_ago(run["id"], hours=23, minutes=1)
    assert next_site(city) is None, "it was updated just now, whenever its run began"
    updated(SITE, (NOW - timedelta(hours=23, minutes=1)).strftime("%Y-%m-%d %H:%M"))
    assert next_site(city) == SITE


def test_a_site_that_fails_each_time_waits_like_any_other(city: City) -> None:
    """Ordered by its last success alone it would be first for ever, and the others starve."""
    city.add("able.ca", last_updated=(NOW - timedelta(days=2)).isoformat())

    class Fails(PaperFetcher):
        to_publish: dict[Any, bytes] = {}  # noqa: RUF012

        def fetch_events(self) -> None:
            raise OSError("gone")

    plugin_manager().register(CityPlugin(Fails), "failing")
    updated(SITE, "2019-01-01T00:00:00")
    plugin_manager().unregister(city.plugin)
    assert next_site(city) == SITE
    city.work()
    (failed,) = city.run_ids()
    assert city.row()["last_updated"] == "2019-01-01T00:00:00"
    city.ran_ago(failed, hours=30)
    assert next_site(city) == "able.ca"
    assert next_site(city) == SITE, "its turn has come again"


def test_a_site_that_is_being_worked_on_bars_nobodys_way(city: City) -> None:
    """Reading ten thousand documents takes days; the line goes on meanwhile."""
    city.add("able.ca", last_updated=(NOW - timedelta(days=2)).isoformat())
    run_id = city.update()
    city.ran_ago(run_id, days=3)
    assert [next_site(city), next_site(city)] == ["able.ca", None]


def test_two_callers_never_take_the_same_site(every_city: City) -> None:
    names = [f"site-{number}.ca" for number in range(8)]
    for name in names:
        every_city.add(name)
    updated(SITE, NOW.isoformat())
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda _: next_site(every_city), range(10)))
    assert sorted(site for site in taken if site) == names


def test_looking_does_not_take(city: City) -> None:
    assert [get_oldest_site(), get_oldest_site()] == [SITE, SITE]


def test_the_schedule_takes_as_many_as_it_may(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    from clerk.meetings.plugin import BuiltinPlugin
    from clerk.settings import settings

    monkeypatch.setenv("CLERK_MEETINGS_SITES", "2")
    settings.discard()
    for name in ("a.ca", "b.ca"):
        city.add(name, last_updated="2020-01-01")
    (schedule,) = BuiltinPlugin().register_schedules()
    with transaction() as connection:
        requests = schedule.jobs(connection)
    assert [(request.job_type, request.subdomain) for request in requests] == [
        ("fetch-site", SITE),
        ("fetch-site", "a.ca"),
    ]


def test_the_next_site_is_cheap_to_find_among_many(city: City) -> None:
    """It is looked for in a write transaction: everybody else waits."""
    with transaction() as connection:
        connection.exec_driver_sql(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) INSERT INTO runs "
            "(id, subdomain, pipeline, state, options, created_at, finished_at) SELECT 'r' || i, "
            "'s' || (i % 3000) || '.ca', 'meetings', 'completed', '{}', "
            "'2026-01-01 00:00:00.000', '2026-01-01 00:10:00.000' FROM n"
        )
        connection.exec_driver_sql(
            "INSERT INTO sites (subdomain, scraper) SELECT DISTINCT subdomain, 'papers' FROM runs"
        )
    began = time.monotonic()
    with transaction() as connection:
        assert take_oldest_sites(connection) == [SITE]
    assert time.monotonic() - began < 2


def test_a_clock_that_was_ahead_costs_no_site_its_turn(city: City) -> None:
    updated(SITE, "2999-01-01T00:00:00")
    with transaction() as connection:
        assert take_oldest_sites(connection) == [SITE]
    assert get_oldest_site() == SITE
    assert next_site(city) == SITE
    (job,) = city.jobs(job_type="fetch-site")
    with transaction() as connection:
        interventions.cancel(connection, job["id"], by="a test")
        connection.exec_driver_sql("UPDATE runs SET created_at = '2999-01-01 00:00:00.000'")
        assert take_oldest_sites(connection) == [SITE]
