"""A database of the first round, with work that waits, goes on working after an upgrade."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, select

from clerk.database import migrate
from clerk.database.engine import create_engine
from clerk.database.tables import attempts_table
from clerk_tasks.ledger import attempts, publications, queries
from devtools import claiming
from tests.integration.db import samples

FIRST_ROUND = "5cfa734e6c14"
NOON = "'2026-01-05 12:00:00.000'"


@contextmanager
def closing_engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.fixture
def waiting(empty_database_url: str) -> str:
    """Make a database of the first round in which one job waits for its message to be published again."""
    migrate.upgrade(empty_database_url, to=FIRST_ROUND)
    samples.execute(
        empty_database_url,
        "INSERT INTO runs (id, subdomain, pipeline, state, options, created_at)"
        f" VALUES ('run-1', 'alameda.ca', 'note', 'running', '{{}}', {NOON})",
        "INSERT INTO stages (id, run_id, name, position, state, total, remaining, failed, cancelled, tolerance)"
        " VALUES (1, 'run-1', 'all', 0, 'open', 1, 1, 0, 0, 0)",
        "INSERT INTO jobs (id, run_id, stage_id, job_type, subdomain, queue, priority, arguments, max_attempts,"
        " backoff_base, backoff_cap, time_limit, state, due_at, ring_at, ring_delay, created_at)"
        f" VALUES ('job-1', 'run-1', 1, 'note', 'alameda.ca', 'default', 1, '{{}}', 3,"
        f" 1, 60, 60, 'available', {NOON}, {NOON}, 10, {NOON})",
    )
    return empty_database_url


def test_a_waiting_job_is_still_published(waiting: str) -> None:
    assert migrate.upgrade(waiting).before == FIRST_ROUND

    assert migrate.check(waiting) == []
    with closing_engine(waiting) as engine, engine.begin() as connection:
        (message,) = publications.Waiting(["default"], ["note"])(connection)["default"]
        assert (message.job_id, message.job_type) == ("job-1", "note")
        claimed = claiming.claim(connection, "job-1", instance="worker-1", pid=1, lease=60)
        assert claimed is not None
        assert attempts.complete(connection, claimed, result=None) == []
        assert queries.show_run(connection, "run-1")["state"] == "completed"


def test_attempts_get_a_primary_key_and_lose_their_copies(waiting: str) -> None:
    row = f"INSERT INTO attempts (job_id, attempt, outcome, finished_at) VALUES ('job-1', 1, '{{}}', {NOON})"
    samples.execute(waiting, row.format("retryable"), row.format("copy"), row.format("copy").replace(", 1,", ", 2,"))
    migrate.upgrade(waiting)

    assert migrate.check(waiting) == []
    with closing_engine(waiting) as engine, engine.connect() as connection:
        kept = connection.execute(select(attempts_table.c.attempt, attempts_table.c.outcome).order_by("attempt")).all()
    assert kept == [(1, "retryable"), (2, "copy")]
    with pytest.raises(Exception, match=r"(?i)unique"):  # the driver's own
        samples.execute(waiting, row.format("retryable"))
