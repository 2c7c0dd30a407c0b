"""Metrics come from the ledger: they count every end once, survive restarts and pruning, and never fall."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

from clerk.application import application
from clerk.database import engine as db
from clerk.database.clock import database_time, now
from clerk.database.tables import attempts_table as attempts
from clerk.database.tables import clerk_meta_table as meta
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import runs_table as runs
from clerk.database.tables import totals_table as totals_table
from clerk.database.transactions import transaction
from clerk.errors import DatabaseUnavailable
from clerk_tasks.ledger import attempts as ends
from clerk_tasks.ledger import leases, totals
from clerk_tasks.metrics import exposition, prepare
from clerk_tasks.metrics.exposition import ledger
from clerk_tasks.operations import cancel, job_retry, pruning
from clerk_tasks.schedules import maintenance
from clerk_tasks.schedules.maintenance import fold_totals
from devtools import claiming
from tests.integration.operations.conftest import Enqueue

pytestmark = pytest.mark.slow

Work = Callable[[str], None]
ENDS = ("30.0", "60.0", "120.0", "+Inf")
Samples = dict[tuple[str, tuple[str, ...]], float]


@pytest.fixture(autouse=True)
def _seen(engine: Engine) -> None:
    """Take the first look, so that no scrape of a test begins one that outlives it."""
    prepare()


def scrape() -> Samples:
    """Return {(name, label values in the order of their names): value}, without the host."""
    found: Samples = {}
    for family in text_string_to_metric_families(exposition().decode()):
        for sample in family.samples:
            labels = tuple(value for name, value in sorted(sample.labels.items()) if name != "container")
            assert (sample.name, labels) not in found
            found[sample.name, labels] = sample.value
    return found


def ended(status: str, job_type: str = "fine") -> float:
    """Return how many jobs of a type ended so, by a scrape."""
    return scrape().get(("clerk_jobs_total", (job_type, job_type, status)), 0.0)


def restart() -> None:
    """Forget everything that this process remembers, as its end does."""
    application.close()
    prepare()


def make_old(engine: Engine, *, days: float) -> None:
    """Make every run, job and attempt so much older."""
    shift = timedelta(days=days)
    with engine.begin() as connection:
        for table in (runs, jobs, attempts):
            times = [column for column in table.c if isinstance(column.type, type(jobs.c.due_at.type))]
            key = [*table.primary_key.columns]
            for row in connection.execute(sa.select(table)).mappings().all():
                moved = {column.name: row[column.name] - shift for column in times if row[column.name] is not None}
                chosen = [column == row[column.name] for column in key]
                connection.execute(sa.update(table).where(*chosen).values(moved))


def test_each_end_is_counted_by_type_stage_and_status(engine: Engine, enqueue: Enqueue, work: Work) -> None:
    for name in ("a", "b"):
        work(enqueue("fine", name=name))
    work(enqueue("broken"))
    work(enqueue("mistaken"))
    assert (ended("completed"), ended("discarded", "broken"), ended("retryable", "mistaken")) == (2, 1, 1)
    found = scrape()
    assert found["clerk_job_duration_seconds_count", ("fine", "default", "fine")] == 2
    assert found["clerk_job_duration_seconds_bucket", ("fine", "3600.0", "default", "fine")] == 2
    assert found["clerk_job_wait_seconds_count", ("fine", "default")] == 2
    assert found["clerk_job_duration_seconds_count", ("broken", "default", "broken")] == 1


@pytest.mark.every_database
def test_durations_fall_into_their_buckets(engine: Engine, enqueue: Enqueue, work: Work) -> None:
    job = enqueue("fine")
    work(job)
    with engine.begin() as connection:
        times = {"due_at": now(-120), "started_at": now(-45), "finished_at": now(-5.5)}
        connection.execute(sa.update(jobs).where(jobs.c.id == job).values(times))
    found = scrape()
    duration = {end: found["clerk_job_duration_seconds_bucket", ("fine", end, "default", "fine")] for end in ENDS}
    assert duration == {"30.0": 0, "60.0": 1, "120.0": 1, "+Inf": 1}
    assert found["clerk_job_duration_seconds_sum", ("fine", "default", "fine")] == pytest.approx(39.5, abs=0.1)
    wait = {end: found["clerk_job_wait_seconds_bucket", ("fine", end, "default")] for end in ENDS}
    assert wait == {"30.0": 0, "60.0": 0, "120.0": 1, "+Inf": 1}


@pytest.mark.every_database
def test_counters_survive_pruning_and_restarts(engine: Engine, enqueue: Enqueue, work: Work) -> None:
    work(enqueue("fine"))
    work(enqueue("broken"))
    before = {key: value for key, value in scrape().items() if key[0].startswith(("clerk_jobs_total", "clerk_job_"))}
    make_old(engine, days=40)
    assert pruning.prune(30)["jobs"] == 2
    restart()
    after = scrape()
    assert {key: after[key] for key in before} == pytest.approx(before)
    work(enqueue("fine"))
    assert ended("completed") == 2


def test_what_was_never_scraped_is_counted_before_it_is_pruned(engine: Engine, enqueue: Enqueue, work: Work) -> None:
    work(enqueue("fine"))
    make_old(engine, days=40)
    assert pruning.prune(30)["jobs"] == 1
    assert ended("completed") == 1


def test_what_there_is_no_time_to_count_is_left_for_the_next_pruning(
    engine: Engine, enqueue: Enqueue, work: Work
) -> None:
    work(enqueue("fine"))
    make_old(engine, days=40)
    deleted, is_complete = maintenance.prune(30, patience=0.0)
    assert (deleted["jobs"], is_complete) == (0, False)
    deleted, is_complete = maintenance.prune(30)
    assert (deleted["jobs"], is_complete) == (1, True)
    assert ended("completed") == 1


def test_a_retried_dead_letter_lowers_no_counter(engine: Engine, enqueue: Enqueue, work: Work) -> None:
    job = enqueue("broken")
    work(job)
    assert ended("discarded", "broken") == 1
    job_retry.retry([job])
    assert ended("discarded", "broken") == 1
    work(job)
    assert ended("discarded", "broken") == 2
    make_old(engine, days=1)
    fold_totals()
    assert ended("discarded", "broken") == 2


@pytest.mark.every_database
def test_ends_that_no_attempt_records_are_counted_once_they_are_folded(engine: Engine, enqueue: Enqueue) -> None:
    waiting, lost = enqueue("fine", name="waiting"), enqueue("fine", name="lost")
    cancel.cancel_jobs([waiting])
    with engine.begin() as connection:
        connection.execute(sa.update(jobs).where(jobs.c.id == lost).values(max_attempts=1))
        claim = claiming.claim(connection, lost, instance="w", pid=1, lease=60.0)
        assert claim is not None
        leases.lost(connection, claim, "its worker is gone")
    assert (ended("lost"), ended("discarded"), ended("cancelled")) == (1, 0, 0)
    make_old(engine, days=1)
    fold_totals()
    assert (ended("lost"), ended("discarded"), ended("cancelled")) == (1, 1, 1)
    assert scrape()["clerk_takeovers_total", ("fine",)] == 1


def test_any_number_of_folds_counts_everything_once(
    engine: Engine, enqueue: Enqueue, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abcde":
        work(enqueue("fine", name=name))
    before = scrape()
    make_old(engine, days=1)
    monkeypatch.setattr(totals, "CHUNK", 2)
    with transaction(engine) as connection:
        assert totals.fold(connection) is False
    assert ended("completed") == 5
    fold_totals()
    fold_totals()
    found = scrape()
    assert {key: found[key] for key in before if key[0].startswith("clerk_job_")} == pytest.approx(
        {key: value for key, value in before.items() if key[0].startswith("clerk_job_")}
    )
    assert ended("completed") == 5


def test_a_fold_without_anything_new_writes_nothing(engine: Engine, enqueue: Enqueue, work: Work) -> None:
    work(enqueue("fine"))
    make_old(engine, days=1)
    fold_totals()
    asked: list[str] = []
    sa.event.listen(db.engine(), "before_cursor_execute", lambda *seen: asked.append(seen[2]))
    fold_totals()
    assert asked
    assert [statement for statement in asked if not statement.startswith(("SELECT", "SET"))] == []


@pytest.mark.every_database
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_what_commits_late_is_counted(
    engine: Engine, enqueue: Enqueue, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "MARGIN", timedelta(0))
    early, late = enqueue("fine", name="early"), enqueue("fine", name="late")
    with engine.begin() as connection:
        claim = claiming.claim(connection, late, instance="w", pid=1, lease=60.0)
    assert claim is not None
    with engine.connect() as open_transaction:
        ends.complete(open_transaction, claim, result=None)
        work(early)
        fold_totals()
        open_transaction.commit()
    assert ended("completed") == 2
    fold_totals()
    assert ended("completed") == 2


def now_of(engine: Engine) -> datetime:
    with engine.connect() as connection:
        return database_time(connection)


def test_a_clock_that_was_ahead_stops_no_counter(engine: Engine, enqueue: Enqueue, work: Work) -> None:
    ahead = (now_of(engine) + timedelta(days=365)).isoformat()
    with engine.begin() as connection:
        connection.execute(sa.delete(meta).where(meta.c.key == totals.UNTIL))
        connection.execute(sa.insert(meta).values(key=totals.UNTIL, value=ahead))
    fold_totals()
    work(enqueue("fine"))
    assert ended("completed") == 1


def test_the_totals_have_one_row_for_each_series(
    engine: Engine, enqueue: Enqueue, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "MARGIN", timedelta(0))
    for name in "ab":
        work(enqueue("fine", name=name))
        fold_totals()
    with engine.connect() as connection:
        rows = connection.execute(sa.select(totals_table.c.metric, totals_table.c.labels, totals_table.c.number)).all()
    assert sorted(row.metric for row in rows) == ["duration", "jobs", "wait"]
    assert {row.number for row in rows} == {2}


@pytest.mark.every_database
def test_documents_and_their_pages_are_counted_whatever_a_result_is(
    engine: Engine, enqueue: Enqueue, work: Work
) -> None:
    results = ['{"pages": 12}', '{"pages": 3}', '{"pages": "many"}', "[1]", "7", "null", '{"pages": 2.5}']
    for number, result in enumerate(results):
        job = enqueue("fine", name=str(number))
        work(job)
        with engine.begin() as connection:
            written = sa.text("UPDATE jobs SET job_type = 'ocr-page', result = :result WHERE id = :id")
            cast = written.text.replace(":result", "CAST(:result AS JSON)")
            on_postgresql = connection.dialect.name == "postgresql"
            connection.execute(sa.text(cast) if on_postgresql else written, {"result": result, "id": job})
    found = scrape()
    assert found["clerk_pages_total", ("read",)] == 15
    assert found["clerk_documents_total", ("read",)] == 7
    make_old(engine, days=1)
    fold_totals()
    assert scrape()["clerk_pages_total", ("read",)] == 15


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_result_that_is_no_json_stops_no_scrape(engine: Engine, enqueue: Enqueue, work: Work) -> None:
    work(enqueue("fine"))
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE jobs SET job_type = 'ocr-page', result = '{broken'"))
    assert scrape()["clerk_documents_total", ("read",)] == 1


@pytest.mark.every_database
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_replica_that_only_reads_is_scraped(
    engine: Engine, enqueue: Enqueue, work: Work, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(enqueue("fine"))
    make_old(engine, days=1)
    application.close()
    monkeypatch.setenv("DATABASE_URL", f"{database_url}?options=-cdefault_transaction_read_only%3Don")
    with pytest.raises(DatabaseUnavailable, match="read-only"):
        fold_totals()
    ledger().watch.look()
    assert ended("completed") == 1
