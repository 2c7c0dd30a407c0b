"""A job whose process keeps its row locked, on PostgreSQL: the process is killed first, and its end recorded then."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from clerk.database.held import HeldConnection
from clerk.database.tables import attempts_table, jobs_table
from clerk_tasks.worker.lease_keeper import LeaseKeeper
from devtools.hand_clock import Clock
from devtools.processes import wait_for
from tests.integration.ledger.fixtures import children
from tests.integration.ledger.keepers import Children, keeper_of
from tests.integration.ledger.ledger import LedgerOf, job

__all__ = ["children"]
pytestmark = pytest.mark.every_database


@pytest.fixture
def keeper(postgres_ledger: LedgerOf, children: Children) -> Iterator[LeaseKeeper]:
    held = HeldConnection(postgres_ledger.engine)
    yield keeper_of(held, children, Clock())
    held.close()


def outcomes(ledger: LedgerOf) -> list[str]:
    """Return how the attempts of all jobs ended."""
    return ledger.do(lambda connection: list(connection.execute(sa.select(attempts_table.c.outcome)).scalars()))  # type: ignore[no-any-return]


def lock(connection: sa.Connection, job_id: str) -> None:
    """Lock a job's row, as `fence()` does, until the transaction ends."""
    connection.execute(sa.select(jobs_table.c.id).where(jobs_table.c.id == job_id).with_for_update())


def test_a_job_that_ends_while_its_row_is_found_locked_costs_no_process(
    postgres_ledger: LedgerOf, keeper: LeaseKeeper, children: Children
) -> None:
    """Guard: _condemn looks what the process works on: it may be at the next job, which would lose an attempt."""
    late, next_one = postgres_ledger.record([job(time_limit=0.001), job()]).job_ids
    pid = children.spawn()
    postgres_ledger.claim(late, pid=pid)
    children.works_on(postgres_ledger.claim(next_one, pid=pid))
    with postgres_ledger.engine.begin() as connection:
        lock(connection, late)
        assert keeper.run_once() is False
    assert children.is_spared(pid)
    assert outcomes(postgres_ledger) == []


def test_a_job_killed_at_its_time_limit_while_it_held_its_row_is_lost_for_that_reason(
    postgres_ledger: LedgerOf, keeper: LeaseKeeper, children: Children
) -> None:
    """Guard: `_condemned`: at the next pass its process is dead, and that alone would be the reason."""
    (late,) = postgres_ledger.record([job(time_limit=0.001)]).job_ids
    children.works_on(claim := postgres_ledger.claim(late, pid=children.spawn()))
    with postgres_ledger.engine.begin() as connection:
        lock(connection, late)
        wait_for(lambda: keeper.run_once() or children.processes[claim.pid].poll(), "its process is killed")
    assert keeper.run_once() is True
    assert outcomes(postgres_ledger) == ["lost"]
    assert "time limit" in postgres_ledger.job(late).error


def test_a_job_that_holds_its_row_at_shutdown_is_given_back_uncounted(
    postgres_ledger: LedgerOf, keeper: LeaseKeeper, children: Children
) -> None:
    """Guards: hand_back returns False, and the pass after it hands back instead of recording a loss."""
    (given,) = postgres_ledger.record([job(max_attempts=1)]).job_ids
    children.works_on(claim := postgres_ledger.claim(given, pid=children.spawn()))
    with postgres_ledger.engine.begin() as connection:
        lock(connection, given)
        assert keeper.hand_back() is False
    assert children.is_killed(claim.pid)
    assert keeper.run_once() is True
    assert keeper.hand_back() is True
    assert outcomes(postgres_ledger) == ["handed-back"]
    assert postgres_ledger.job(given).state == "retryable"
