"""Documents are read while others are fetched: each once, whatever becomes of the fetch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from clerk.database.held import HeldConnection
from clerk.errors import NotFoundError
from clerk_tasks.ledger.insert import NewJob, NewStage
from clerk_tasks.ledger.runs import record_run
from clerk_tasks.worker import running_job
from devtools import claiming
from devtools.papers import another_day
from tests.integration.pipeline.city import SITE, City, PaperFetcher, stages_of

DAYS = [another_day(day) for day in range(3)]


@pytest.fixture
def eager(city: City, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Make the city's fetcher say what it has, and call what is in this list after each document."""
    monkeypatch.setattr(running_job, "SPAWN_INTERVAL", 0.0)
    then: list[Any] = []

    class EagerFetcher(PaperFetcher):
        to_publish = city.papers

        def fetch_events(self) -> None:
            everything = dict(self.to_publish)
            for (kind, meeting, date), content in everything.items():
                self.to_publish = {(kind, meeting, date): content}
                super().fetch_events()
                self.document_fetched(kind, meeting, date)
                for call in then:
                    call()

    city.plugin.fetcher = EagerFetcher
    for day in DAYS:
        city.publish(day)
    return then


@pytest.fixture
def elsewhere(city: City) -> Iterator[Any]:
    """Give what executes all available reading jobs in another process than the one that fetches."""
    held = HeldConnection(city.engine)
    executor = claiming.executor(held, instance="elsewhere", pid=2)

    def work() -> None:
        for job_id in city.ids("available", "ocr-page"):
            claiming.execute(city.engine, executor, job_id)

    yield work
    held.close()


def test_each_document_is_read_as_soon_as_it_is_there(city: City, eager: list[Any], elsewhere: Any) -> None:
    seen: list[tuple[int, str]] = []
    run_id = city.update()

    def look() -> None:
        seen.append((len(city.files("txt/*/*/1.txt")), city.run(run_id)["stages"][1]["state"]))
        city.check()

    eager += [elsewhere, look]
    city.work()
    assert seen == [(1, "waiting"), (2, "waiting"), (3, "waiting")]
    run = city.run(run_id)
    assert run["state"] == "completed"
    assert stages_of(run)["ocr"] == ("closed", 4, 0)
    assert [date for _, date, _ in city.rows()] == DAYS
    assert city.waiting() == []
    city.project_is_the_ledger(run_id)


def test_a_fetch_that_dies_and_is_tried_again_has_no_document_read_twice(
    city: City, eager: list[Any], elsewhere: Any
) -> None:
    eager.append(city.check)
    run_id = city.update()
    (fetch,) = city.ids("available", "fetch-site")
    city.lose_before_its_end(fetch)
    assert len(city.ids("available", "ocr-page")) == len(DAYS)
    elsewhere()
    city.publish(another_day(7))
    city.work()
    assert stages_of(city.run(run_id))["ocr"] == ("closed", 5, 0)
    assert len(city.rows()) == 4


def test_a_fetch_that_fails_for_good_takes_back_what_is_not_yet_read(
    city: City, eager: list[Any], elsewhere: Any
) -> None:
    def fail_at_the_last() -> None:
        if len(city.waiting()) + len(city.files("processed/**/*.txt")) == len(DAYS):
            raise NotFoundError("the city has gone")

    eager += [lambda: None if city.files("txt/*/*/1.txt") else elsewhere(), fail_at_the_last]
    run_id = city.update()
    city.work()
    assert city.run(run_id)["state"] == "failed"
    assert len(city.files("txt/*/*/1.txt")) == 1
    assert {job["state"] for job in city.jobs(job_type="ocr-page")} == {"completed", "cancelled"}
    eager.clear()
    assert city.day()["state"] == "completed"
    assert len(city.rows()) == len(DAYS)


def test_a_fetch_without_a_stage_that_reads_leaves_the_documents(city: City, eager: list[Any]) -> None:
    """Guard: the Discard that _read_soon suppresses: a job of another pipeline may ask for a fetch."""
    assert eager == []
    fetch = NewStage(name="s", jobs=[NewJob(job_type="fetch-site", subdomain=SITE, queue="fetch")])
    with city.engine.begin() as connection:
        record_run(connection, "alone", subdomain=SITE, pipeline="p", new_stages=[fetch])
    city.work()
    assert city.run("alone")["state"] == "completed"
    assert len(city.waiting()) == len(DAYS)
