"""PostgreSQL's statistics may say that no job runs: the end of a job still finds its row by the primary key."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from clerk.database.clock import now
from clerk.database.tables import jobs_table as jobs
from clerk_tasks.ledger import attempts, leases
from clerk_tasks.ledger.claims import Claim, Claimant, Claims
from tests.integration.ledger.ledger import LedgerOf, job

RUNNING, ENDED = 1500, 20
OURS = {"state": "running", "attempt": 1, "instance": "w", "pid": 1, "started_at": now()}
LEASED = {"lease_until": now(60.0), "deadline_at": now(3600.0)}


@pytest.fixture
def running(postgres_ledger: LedgerOf) -> list[Claim]:
    """Make so many jobs run after the table was analysed, and return their claims."""
    postgres_ledger.record([job() for _ in range(RUNNING)])
    with postgres_ledger.engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE jobs")
        connection.execute(sa.update(jobs).values(OURS | LEASED))
        return leases.running_in(connection, "w", 1)


def scans(ledger: LedgerOf) -> dict[str, int]:
    """Return how often each index of jobs was searched so far, our own look aside."""
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("SELECT pg_stat_force_next_flush()")
    look = "SELECT indexrelname, idx_scan FROM pg_stat_user_indexes WHERE relname = 'jobs'"
    with ledger.engine.begin() as connection:
        return {row.indexrelname: row.idx_scan for row in connection.execute(sa.text(look))}


def test_completing_searches_the_primary_key(postgres_ledger: LedgerOf, running: list[Claim]) -> None:
    before = scans(postgres_ledger)
    for claim in running[:ENDED]:
        postgres_ledger.complete(claim)
    after = scans(postgres_ledger)
    assert after["jobs_pkey"] - before["jobs_pkey"] >= ENDED
    assert after["ix_jobs_running"] == before["ix_jobs_running"]


def test_completing_with_the_next_claim_does_too(postgres_ledger: LedgerOf, running: list[Claim]) -> None:
    claims, claimant = Claims(["t"]), Claimant("q", "w", 1, 60.0)
    before = scans(postgres_ledger)
    for claim in running[:ENDED]:
        recorded, following = postgres_ledger.do(claims.complete_and_next, claim, claimant, result=None)
        assert (recorded, following) == (True, None)
    after = scans(postgres_ledger)
    assert after["jobs_pkey"] - before["jobs_pkey"] >= ENDED
    assert after["ix_jobs_running"] == before["ix_jobs_running"]


def test_failing_does_too(postgres_ledger: LedgerOf, running: list[Claim]) -> None:
    before = scans(postgres_ledger)
    for claim in running[:ENDED]:
        postgres_ledger.do(attempts.fail, claim, error="e")
    after = scans(postgres_ledger)
    assert after["ix_jobs_running"] == before["ix_jobs_running"]
