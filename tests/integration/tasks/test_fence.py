"""A fence whose connection is lost: the job goes on without its lock under no circumstances."""

from __future__ import annotations

import shutil
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from clerk import current_job
from clerk.database.held import HeldConnection
from clerk.errors import DatabaseUnavailable
from clerk.jobs import Fenced
from clerk_tasks.ledger import leases, publications
from clerk_tasks.ledger.claims import Claim
from devtools import claiming
from tests.integration.ledger.ledger import LedgerOf, job
from tests.integration.tasks.one_job import OneJob, executor_of


@pytest.mark.parametrize("swallowed", [False, True])
def test_a_job_that_lost_its_connection_inside_its_fence_and_was_taken_over_is_fenced(
    postgres_url: str, plugin: OneJob, tmp_path: Path, caplog: pytest.LogCaptureFixture, swallowed: bool
) -> None:
    """Guards: _check_begun, or it goes on without the lock; _check_owned in fence(), or a failure is recorded."""
    ledger = LedgerOf(postgres_url)
    (job_id,) = ledger.record([job()]).job_ids
    files = {tmp_path / f"temporary-{n}": tmp_path / f"final-{n}" for n in range(2)}
    raised: list[type] = []

    def slow() -> None:
        for file in files:
            file.write_text("of the first attempt")
        try:
            with current_job().fence():
                _take_over(ledger, executor.held, job_id)
                with suppress(DatabaseUnavailable) if swallowed else nullcontext():
                    current_job().checkpoint()
                current_job().commit_files(files)
        except Exception as error:
            raised.append(type(error))
            raise

    plugin.function = slow
    executor = executor_of(ledger)
    claiming.execute(ledger.engine, executor, job_id)
    executor.held.close()
    row = ledger.job(job_id)
    ledger.engine.dispose()
    assert (row.state, row.attempt, row.error, raised) == ("running", 2, "its lease ended", [Fenced])
    assert [final.exists() for final in files.values()] == [False, False]
    assert "another attempt has taken over from attempt 1" in caplog.text


def _take_over(ledger: LedgerOf, held: HeldConnection, job_id: str) -> None:
    """Do what happens to a worker that stands still past its lease: PostgreSQL ends its connection."""
    with held.statement() as connection:
        backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with ledger.engine.begin() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": backend})
    row = ledger.job(job_id)
    claim = Claim(job_id, 1, row.instance, row.pid, "run", row.stage_id, "t", "a.ca", "{}", 3, 1.0, 1.0)
    ledger.do(leases.lost, claim, "its lease ended")
    ledger.do(publications.promote_due)
    ledger.claim(job_id, pid=2)


def test_what_is_lost_inside_a_transaction_is_not_taken_up_by_another_connection(on_both: LedgerOf) -> None:
    held = HeldConnection(on_both.engine)

    def at_the_end() -> None:
        with held.transaction():
            held.close()

    def inside() -> None:
        with held.transaction():
            held.close()
            with held.statement():
                pytest.fail("a statement ran without the transaction")

    for lost in (at_the_end, inside):
        with pytest.raises(DatabaseUnavailable, match="in the middle of a transaction"):
            lost()
    with held.transaction() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    held.close()


def test_nothing_is_committed_to_a_file_that_was_replaced_meanwhile(sqlite_url: str) -> None:
    """Guard: file_of in _check_begun. A restored backup would not have what is recorded as done."""
    ledger = LedgerOf(sqlite_url)
    held, file = HeldConnection(ledger.engine), Path(str(ledger.engine.url.database))
    copy = Path(shutil.copyfile(file, file.with_suffix(".new")))
    with pytest.raises(DatabaseUnavailable, match="in the middle of a transaction"), held.transaction():
        copy.replace(file)
    held.close()
    ledger.engine.dispose()


def test_no_other_attempt_can_start_while_a_job_is_inside_its_fence(postgres_url: str, plugin: OneJob) -> None:
    """Guard: `lock=True` in fence()."""
    ledger = LedgerOf(postgres_url)
    (job_id,) = ledger.record([job()]).job_ids
    seen = []

    def free_for_a_take_over() -> bool:
        with ledger.engine.begin() as connection:
            return connection.execute(text("SELECT 1 FROM jobs FOR UPDATE SKIP LOCKED")).first() is not None

    def work() -> None:
        seen.append(free_for_a_take_over())
        with current_job().fence():
            seen.append(free_for_a_take_over())
        seen.append(free_for_a_take_over())

    plugin.function = work
    executor = executor_of(ledger)
    claiming.execute(ledger.engine, executor, job_id)
    executor.held.close()
    ledger.engine.dispose()
    assert seen == [True, False, True]
