"""`why` says what a job waits for, and what became of it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from clerk.database.clock import now
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import stages_table as stages
from clerk.database.tables import workers_table as workers
from clerk.database.transactions import transaction
from clerk.errors import NotFoundError
from clerk.plugin.loader import plugins
from clerk_tasks.broker.publisher import publisher
from clerk_tasks.cli.main import main
from clerk_tasks.ledger import interventions, leases
from clerk_tasks.operations.why import MOST, explain
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
    for absent in (
        "No plugin here has",
        "Quarantined",
        "none of them knows",
        "no stage is open",
        "asked to stop",
        "Note:",
    ):
        assert absent not in told


@pytest.mark.usefixtures("redis_broker")
def test_what_the_broker_holds(enqueue: Enqueue) -> None:
    job = enqueue("fine")
    assert "The broker holds 1 messages of queue default." in said(job)
    with publisher().broker.connect() as connection:
        connection.channel().queue_purge("default")
    assert "The broker holds 0 messages of queue default." in said(job)


def register(engine: Engine, instance: str, **facts: Any) -> None:
    """Record the start of a worker."""
    known = {"hostname": "box", "pid": 7, "version": "0", "queues": ["default"], "concurrency": 1, "job_types": []}
    with transaction(engine) as connection:
        leases.register_worker(connection, instance=instance, **known | facts)


def change(engine: Engine, table: sa.Table, **values: Any) -> None:
    """Set columns of every row."""
    with transaction(engine) as connection:
        connection.execute(sa.update(table).values(**values))


#: What `why` says of a lease; each must be said when it is true, and only then.
LEASE = {
    "alive": "Its worker was alive ",
    "silent": r"Its worker has not been heard of for \d+ s; its lease ends at",
    "unknown": "Its worker is not registered; its lease ends at",
    "taken over": r"Its lease ended \d+ s ago and was not renewed; the relay of another worker takes the job over.",
    "left": r"Its lease ended \d+ s ago and no worker is running to take the job over: start a worker.",
    "future": "later than any lease does.",
}


@pytest.mark.parametrize(
    ("sentence", "lease", "seen", "others"),
    [
        ("alive", 14, 0, False),
        ("silent", 14, -60, False),
        ("unknown", 14, None, False),
        ("taken over", -60.4, -60, True),
        ("left", -60.4, -60, False),
        ("future", 86400, 0, False),
    ],
)
def test_the_lease_of_a_running_job(
    engine: Engine, enqueue: Enqueue, sentence: str, lease: float, seen: float | None, others: bool
) -> None:
    job = enqueue("fine")
    with transaction(engine) as connection:
        claiming.claim(connection, job, instance="w", pid=4242, lease=15)
    if seen is not None:
        register(engine, "w")
        change(engine, workers, seen_at=now(seen))
    if others:
        register(engine, "other")
    change(engine, jobs, lease_until=now(lease))
    told = said(job)
    assert [name for name, words in LEASE.items() if re.search(words, told)] == [sentence]
    assert "is renewed and" not in told


def test_a_worker_that_does_not_know_the_type_is_not_one_that_serves_it(engine: Engine, enqueue: Enqueue) -> None:
    job = enqueue("fine")
    facts = {"hostname": "box", "pid": 7, "version": "0", "queues": ["default"], "concurrency": 1}
    with transaction(engine) as connection:
        leases.register_worker(connection, instance="a", job_types=["other"], **facts)
    assert "none of them knows fine: install its plugin there, or restart them if it is newer than they" in said(job)
    with transaction(engine) as connection:
        leases.register_worker(connection, instance="b", job_types=["fine"], **facts)
    assert "Workers that serve it: box process 7." in said(job)


def test_a_job_whose_plugin_is_gone(engine: Engine, enqueue: Enqueue) -> None:
    job = enqueue("fine")
    with transaction(engine) as connection:
        connection.execute(sa.update(jobs).values(job_type="vanished"))
    assert "No plugin here has job type vanished." in said(job)
    assert "Quarantined" not in said(job)
    plugins().quarantine("lost", "here", phase="import", error="it is broken")
    assert "Quarantined: " in said(job)


def test_a_job_that_runs_and_was_asked_to_stop(engine: Engine, enqueue: Enqueue) -> None:
    job = enqueue("fine")
    with transaction(engine) as connection:
        claiming.claim(connection, job, instance="w", pid=4242, lease=30)
    assert "asked to stop" not in said(job)
    with transaction(engine) as connection:
        interventions.cancel(connection, job, by="an operator")
    told = said(job)
    assert "is running." in told
    assert "It was asked to stop at" in told
    assert "process 4242" in told


def test_every_attempt_of_a_dead_letter(enqueue: Enqueue, work: Work) -> None:
    job = enqueue("broken")
    work(job)
    told = said(job)
    assert "It ended as a dead letter after 1 attempt: the source is gone" in told
    assert f"`clerk-tasks jobs retry {job}`" in told
    assert f"process {os.getpid()}" in told


def test_a_stage_that_has_not_opened_names_the_one_before(enqueue: Enqueue, engine: Engine) -> None:
    enqueue("fetch-site")
    with transaction(engine) as connection:
        deploy = connection.execute(sa.select(jobs.c.id).where(jobs.c.job_type == "deploy-site")).scalar_one()
    assert "It waits for stage fetch of run" in said(deploy)
    assert "no stage is open" not in said(deploy)
    change(engine, stages, state="closed", remaining=0)
    assert "but no stage is open: run `clerk-tasks doctor --fix`" in said(deploy)
    assert "It waits for stage fetch" not in said(deploy)


def test_more_unfinished_jobs_of_a_site_than_are_explained(enqueue: Enqueue) -> None:
    for number in range(MOST):
        enqueue("fine", name=str(number))
    assert "more unfinished jobs" not in said("alameda.ca")
    enqueue("fine")
    assert "There are more unfinished jobs: `clerk-tasks jobs list --subdomain alameda.ca`." in said("alameda.ca")


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


def test_a_traceback_is_printed_by_why_and_by_jobs_show(
    enqueue: Enqueue, work: Work, capsys: pytest.CaptureFixture[str]
) -> None:
    """Guards: last_traceback; the file, the line and the text of the line that failed."""
    job = enqueue("mistaken")
    work(job)
    capsys.readouterr()
    assert main(["jobs", "show", job]) == 0
    for text in (said(job), capsys.readouterr().out):
        assert re.search(r"plugins/operations.py\", line \d+, in mistaken", text)
        assert "    return subdomain()" in text
        assert not re.search("^(Traceback|TypeError)", text, re.MULTILINE), "what strangers wrote begins no line"
        assert "TypeError: 'str' object is not callable" in text.splitlines()[-1]
