"""Gauges say what waits, runs and is late now; none names a site."""

from __future__ import annotations

import os

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from clerk.database.clock import now
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import runs_table as runs
from clerk.jobs import JobRequest
from clerk_tasks import dispatcher
from clerk_tasks.ledger import leases
from clerk_tasks.metrics import exposition, prepare
from clerk_tasks.operations import pauses
from clerk_tasks.operations.schedule import fire
from clerk_tasks.schedules.maintenance import fold_totals
from devtools import claiming
from tests.integration.operations.conftest import Enqueue
from tests.integration.operations.test_metrics import Work, scrape


@pytest.fixture(autouse=True)
def _seen(engine: Engine) -> None:
    """Take the first look, so that no scrape of a test begins one that outlives it."""
    prepare()


def test_no_metric_names_a_site(engine: Engine, enqueue: Enqueue, work: Work) -> None:
    work(enqueue("fine"))
    enqueue("fine", name="waits")
    pauses.pause("site", "alameda.ca", reason="a test", seconds=None)
    assert "alameda" not in exposition().decode()


@pytest.mark.every_database
def test_the_queues_show_depth_and_the_oldest_age(engine: Engine, enqueue: Enqueue) -> None:
    job = enqueue("fine")
    dispatcher.enqueue(JobRequest("fine", "alameda.ca", {"name": "later"}), delay=3600)
    with engine.begin() as connection:
        connection.execute(sa.update(jobs).where(jobs.c.id == job).values(due_at=now(-90)))
    found = scrape()
    assert found["clerk_queue_depth", ("normal", "default")] == 1
    assert found["clerk_queue_depth", ("high", "default")] == 0
    assert found["clerk_queue_depth", ("normal", "ocr")] == 0
    assert 90 <= found["clerk_queue_oldest_age_seconds", ("default",)] < 150
    assert found["clerk_queue_oldest_age_seconds", ("ocr",)] == 0
    assert (found["clerk_jobs", ("default", "available")], found["clerk_jobs", ("default", "scheduled")]) == (1, 1)
    pauses.pause("type", "fine", reason="a test", seconds=None)
    found = scrape()
    assert found["clerk_queue_oldest_age_seconds", ("default",)] == 0
    assert found["clerk_queue_depth", ("normal", "default")] == 1
    assert found["clerk_paused", ("type",)] == 1


def test_the_workers_show_what_they_serve_and_run(engine: Engine, enqueue: Enqueue) -> None:
    job = enqueue("fine")
    with engine.begin() as connection:
        facts = {"hostname": "h", "pid": os.getpid(), "version": "9", "queues": ["default"], "job_types": ["fine"]}
        leases.register_worker(connection, instance="w", concurrency=4, **facts)
        claiming.claim(connection, job, instance="w", pid=1, lease=60.0)
    found = scrape()
    assert found["clerk_queue_consumers", ("default",)] == 1
    assert found["clerk_queue_consumers", ("ocr",)] == 0
    assert found["clerk_worker_children", ("default", "9")] == 4
    assert found["clerk_worker_busy", ("default", "9")] == 1
    assert found["clerk_lease_expired", ()] == 0
    with engine.begin() as connection:
        connection.execute(sa.update(jobs).values(lease_until=now(-1)))
    assert scrape()["clerk_lease_expired", ()] == 1


def test_runs_slots_and_sites_are_counted(engine: Engine, enqueue: Enqueue) -> None:
    enqueue("fetch-site")
    fire("prune-ledger")
    found = scrape()
    assert found["clerk_runs", ("meetings", "running")] == 1
    assert found["clerk_schedule_slots_total", ("done", "prune-ledger")] == 1
    assert found["clerk_schedule_last_slot_timestamp_seconds", ("prune-ledger",)] > 1.7e9
    assert found["clerk_sites", ("late",)] == 1
    assert found["clerk_health_level", ()] == 1
    with engine.begin() as connection:
        connection.execute(sa.update(runs).values(state="failed", finished_at=now(-60), created_at=now(-100)))
    fold_totals()
    found = scrape()
    assert found["clerk_runs_total", ("meetings", "failed")] == 1
    assert found["clerk_run_duration_seconds_sum", ("meetings", "failed")] == pytest.approx(40, abs=0.1)
    assert ("clerk_runs", ("meetings", "running")) not in found
