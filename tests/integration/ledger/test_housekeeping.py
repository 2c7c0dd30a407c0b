"""Housekeeping never waits for a row that a job or an operator has locked, on PostgreSQL."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from clerk.database.clock import now
from clerk.database.tables import jobs_table
from clerk_tasks.ledger import leases, publications
from tests.integration.ledger.ledger import LedgerOf, job

pytestmark = pytest.mark.every_database


def lock(connection: sa.Connection, job_id: str) -> None:
    """Lock a job's row until the transaction ends."""
    connection.execute(sa.select(jobs_table.c.id).where(jobs_table.c.id == job_id).with_for_update())


def impatient(ledger: LedgerOf) -> sa.Connection:
    """Return a connection whose statements fail rather than wait for a lock."""
    connection = ledger.engine.connect()
    connection.exec_driver_sql("SET lock_timeout = '50ms'")
    return connection


def test_a_locked_row_holds_up_no_other_lease(postgres_ledger: LedgerOf) -> None:
    """Guard: SKIP LOCKED in _RENEW."""
    held, free = postgres_ledger.record([job(), job()]).job_ids
    for job_id in (held, free):
        postgres_ledger.claim(job_id, lease=1.0)
    before = postgres_ledger.job(free).lease_until
    with postgres_ledger.engine.begin() as other, impatient(postgres_ledger) as connection:
        lock(other, held)
        leases.renew(connection, "w", [held, free], lease=60.0)
        connection.commit()
    assert postgres_ledger.job(free).lease_until > before


def test_a_locked_row_is_left_to_the_next_pass_of_a_take_over(postgres_ledger: LedgerOf) -> None:
    """Guard: SKIP LOCKED in _STILL_EXPIRED."""
    (held,) = postgres_ledger.record([job()]).job_ids
    postgres_ledger.claim(held, lease=0.0)
    with postgres_ledger.engine.begin() as other, impatient(postgres_ledger) as connection:
        (seen,) = leases.expired(connection)
        lock(other, held)
        assert leases.still_expired(connection, seen) is False
    with impatient(postgres_ledger) as connection:
        assert leases.still_expired(connection, seen) is True


def test_a_locked_row_holds_up_no_other_retry(postgres_ledger: LedgerOf) -> None:
    """Guard: SKIP LOCKED in promote_due."""
    held, free = postgres_ledger.record([job(), job()]).job_ids
    with postgres_ledger.engine.begin() as connection:
        connection.execute(sa.update(jobs_table).values(state="retryable", due_at=now(-1)))
    with postgres_ledger.engine.begin() as other, impatient(postgres_ledger) as connection:
        lock(other, held)
        publications.promote_due(connection)
        connection.commit()
    assert [postgres_ledger.job(job_id).state for job_id in (held, free)] == ["retryable", "available"]
