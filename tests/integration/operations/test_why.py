"""`why` says what a job waits for, and what became of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from clerk.database import engine as db
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import metadata
from clerk.database.transactions import reading, transaction
from clerk.errors import NotFoundError
from clerk_tasks.ledger import interventions, leases, queries
from clerk_tasks.operations.why import explain
from devtools import claiming
from tests.integration.operations.conftest import Enqueue

Work = Callable[[str], None]


def said(what: str) -> str:
    return "\n".join(explain(what))


def test_a_job_that_waits(enqueue: Enqueue) -> None:
    first, second = enqueue("fine"), enqueue("fine", name="y")
    assert "with 0 jobs before it" in said(first)
    told = said(second)
    assert "with 1 jobs before it" in told
    assert "No worker serves queue default: start `clerk-tasks worker default`." in told
    assert "embedded broker is not running" in told


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_table_is_read_whole(engine: Engine, enqueue: Enqueue, work: Work) -> None:
    """However many jobs, attempts and workers there have been."""
    broken, waits = enqueue("broken"), enqueue("fine")
    work(broken)
    asked: list[tuple[str, Any]] = []
    sa.event.listen(db.engine(), "before_cursor_execute", lambda *seen: asked.append((seen[2], seen[3])))
    for what in (broken, waits, "alameda.ca"):
        explain(what)
    with transaction(engine) as connection:
        run_id = queries.show_job(connection, waits)["run_id"]
    with reading() as connection:
        queries.show_run(connection, run_id)
    plans = []
    with engine.connect() as connection:
        for statement, values in asked:
            if statement.startswith("SELECT"):
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
                plans += [f"{row[3]}: {statement}" for row in plan]
    assert len(plans) > 10
    tables = tuple(f"SCAN {table}" for table in metadata.tables)
    assert [plan for plan in plans if plan.startswith(tables)] == []


def test_a_worker_that_does_not_know_the_type_is_not_one_that_serves_it(engine: Engine, enqueue: Enqueue) -> None:
    job = enqueue("fine")
    facts = {"hostname": "box", "pid": 7, "version": "0", "queues": ["default"], "concurrency": 1}
    with transaction(engine) as connection:
        leases.register_worker(connection, instance="a", job_types=["other"], **facts)
    assert "none of them knows fine" in said(job)
    with transaction(engine) as connection:
        leases.register_worker(connection, instance="b", job_types=["fine"], **facts)
    assert "Workers that serve it: box process 7." in said(job)


def test_a_job_whose_plugin_is_gone(engine: Engine, enqueue: Enqueue) -> None:
    job = enqueue("fine")
    with transaction(engine) as connection:
        connection.execute(sa.update(jobs).values(job_type="vanished"))
    assert "No plugin here has job type vanished." in said(job)


def test_a_job_that_runs_and_was_asked_to_stop(engine: Engine, enqueue: Enqueue) -> None:
    job = enqueue("fine")
    with transaction(engine) as connection:
        claiming.claim(connection, job, instance="w", pid=4242, lease=30)
        interventions.cancel(connection, job, by="an operator")
    told = said(job)
    assert "is running." in told
    assert "It was asked to stop at" in told
    assert "process 4242" in told


def test_every_attempt_of_a_dead_letter(enqueue: Enqueue, work: Work) -> None:
    job = enqueue("broken")
    work(job)
    told = said(job)
    assert "It ended as a dead letter after 1 attempts: the source is gone" in told
    assert f"`clerk-tasks jobs retry {job}`" in told
    assert f"process {os.getpid()}" in told


def test_a_stage_that_has_not_opened_names_the_one_before(enqueue: Enqueue, engine: Engine) -> None:
    enqueue("fetch-site")
    with transaction(engine) as connection:
        deploy = connection.execute(sa.select(jobs.c.id).where(jobs.c.job_type == "deploy-site")).scalar_one()
    assert "It waits for stage fetch of run" in said(deploy)


def test_a_site(enqueue: Enqueue, work: Work) -> None:
    assert said("alameda.ca").startswith("alameda.ca: nothing was enqueued for it")
    job = enqueue("broken")
    assert f"Job {job} (broken of alameda.ca) is available." in said("alameda.ca")
    work(job)
    told = said("alameda.ca")
    assert "nothing is unfinished; the last run" in told
    assert "the source is gone" in told


@pytest.mark.usefixtures("engine")
def test_neither_a_job_nor_a_site() -> None:
    with pytest.raises(NotFoundError, match="no job and no site 'nowhere'"):
        explain("nowhere")
