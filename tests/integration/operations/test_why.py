"""`why` says what a job waits for, and what became of it."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from clerk.db import transaction
from clerk.errors import NotFoundError
from clerk.ledger import attempts, leases, operators
from clerk.models import jobs_table as jobs
from clerk_tasks.why import explain
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
        attempts.claim(connection, job, instance="w", pid=4242, lease=30)
        operators.cancel(connection, job, by="an operator")
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
    assert said("alameda.ca") == "alameda.ca: nothing was ever enqueued for it."
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
