"""KEDA's query counts the jobs that need a worker, by the indexes of the ledger."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Engine

from clerk.database.tables import jobs_table as jobs
from clerk.database.transactions import reading, transaction
from devtools.deploy_files import objects
from tests.integration.operations.conftest import Enqueue


def test_the_jobs_of_a_queue_that_wait_or_run_are_counted(engine: Engine, enqueue: Enqueue) -> None:
    running, done, elsewhere = (enqueue("fine", name=name) for name in ("running", "done", "elsewhere"))
    enqueue("fine", name="waits")
    with transaction(engine) as connection:
        connection.execute(sa.update(jobs).values(queue="ocr"))
        for job, values in (
            (running, {"state": "running"}),
            (done, {"state": "completed"}),
            (elsewhere, {"queue": "deploy"}),
        ):
            connection.execute(sa.update(jobs).where(jobs.c.id == job).values(values))
    queries = {
        each["metadata"]["name"]: each["spec"]["triggers"][0]["metadata"]["query"]
        for _, each in objects()
        if each["kind"] == "ScaledObject"
    }
    with reading() as connection:
        counts = {name: connection.exec_driver_sql(query).scalar_one() for name, query in queries.items()}
    assert counts == {"worker-ocr": 2, "worker-fetch": 0}
