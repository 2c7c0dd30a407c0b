"""The database goes away, hangs, or is held by somebody else: what is done is recorded once it is back, and once."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from clerk.database.engine import create_engine
from clerk.errors import DatabaseUnavailable
from devtools.processes import wait_for
from devtools.services import PostgresServer
from devtools.system import SITE, System, children_of

TERMINATE = sa.text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


@contextmanager
def another_client(address: str) -> Iterator[sa.Connection]:
    """Open a transaction of our own, as some other program of the operator's would."""
    engine = create_engine(address)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@pytest.mark.fault("F9")
def test_a_restarted_postgres_costs_no_work(own_postgres_system: System, private_postgres: PostgresServer) -> None:
    """The work is done while PostgreSQL is down; its end is recorded when it is back."""
    system = own_postgres_system
    worker = system.worker("-c", "2")
    done, undone = system.enqueue("lingers"), system.enqueue("gated")
    for job_id in (done, undone):
        system.wait_until_began(job_id)
    wait_for(lambda: system.effects()[done], "the effect of the one is there")
    private_postgres.kill()
    system.open_gate()
    refused = system.programs.clerk("enqueue", "note", SITE)
    assert refused.wait() == 5, refused.log
    worker.wait_for_log("its outcome waits for the database", count=2)
    private_postgres.start()
    started_at = time.monotonic()
    assert system.wait_for_end(done, undone) == ["completed"] * 2
    print(f"\nrecovery after a restarted PostgreSQL: {time.monotonic() - started_at:.2f} s")  # noqa: T201
    assert system.effects() == {done: 1, undone: 1}
    assert system.attempts(done) == ["completed"]
    assert system.attempts(undone) == ["handed-back", "completed"], "it could not ask whether it may"
    assert system.wait_for_end(system.enqueue("note")) == ["completed"]
    assert worker.alive


@pytest.mark.fault("F3", "F9")
def test_a_worker_ends_in_time_while_postgres_is_down(
    own_postgres_system: System, private_postgres: PostgresServer
) -> None:
    """Its child has an end to record, and would wait for ever."""
    system = own_postgres_system
    worker = system.worker("-c", "1")
    job_id = system.enqueue("gated")
    system.wait_until_began(job_id)
    private_postgres.kill()
    system.open_gate()
    worker.wait_for_log("its outcome waits for the database")
    assert worker.terminate() == 0
    private_postgres.start()
    system.worker("-c", "1")
    assert system.wait_for_end(job_id) == ["completed"]
    assert system.effects()[job_id] == 1


@pytest.mark.fault("F9")
def test_terminated_backends_lose_nothing_and_repeat_nothing(
    own_postgres_system: System, private_postgres: PostgresServer
) -> None:
    """57P01 to every connection, again and again, while jobs are enqueued, claimed, fenced and finished."""
    system = own_postgres_system
    worker = system.worker("-c", "2")
    accepted: list[str] = []

    def enqueue_next() -> None:
        with suppress(DatabaseUnavailable):  # told to whoever asks: nothing is promised
            accepted.append(system.enqueue("keeps", key=f"k{len(accepted)}"))

    with another_client(private_postgres.url) as connection:
        for _ in range(30):
            for _ in range(4):
                enqueue_next()
            connection.execute(TERMINATE)
            connection.commit()
            wait_for(lambda: len(system.kept()) > len(accepted) / 2, "jobs still end", logs=system.programs.logs)
    assert set(system.wait_for_end(*accepted, deadline=60)) == {"completed"}
    assert worker.alive
    assert len(children_of(worker)) == 2


@pytest.mark.fault("F9")
def test_a_row_that_somebody_locks_is_waited_for(own_postgres_system: System, private_postgres: PostgresServer) -> None:
    """Our `lock_timeout` is over before the other program lets go of the jobs that it looks at."""
    system = own_postgres_system
    worker = system.worker("-c", "1", env={"CLERK_LEASE": "90"})  # which nobody can renew meanwhile
    job_id = system.enqueue("lingers")
    system.wait_until_began(job_id)
    wait_for(lambda: system.effects()[job_id], "the effect is there")
    with another_client(private_postgres.url) as connection, connection.begin():
        connection.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        connection.execute(sa.text("SELECT 1 FROM jobs FOR UPDATE"))
        system.open_gate()
        worker.wait_for_log("its outcome waits for the database", deadline=60)
    assert system.wait_for_end(job_id) == ["completed"]
    assert system.effects() == {job_id: 1}
    assert system.attempts(job_id) == ["completed"]
    assert worker.alive


@pytest.mark.fault("F9")
def test_a_frozen_postgres_wakes_to_leases_that_still_hold(
    own_postgres_system: System, private_postgres: PostgresServer
) -> None:
    """No worker can renew for longer than a lease; all live, and none is declared lost."""
    system = own_postgres_system
    workers = [system.worker("-c", "1") for _ in range(2)]
    job_id = system.enqueue("gated")
    system.wait_until_began(job_id)
    lease_until = datetime.fromisoformat(system.job(job_id)["lease_until"])
    postmaster = psutil.Process(private_postgres.process.pid)
    for process in (frozen := [postmaster, *postmaster.children()]):
        process.suspend()
    # The lease may have been renewed just before: so long, and one more.
    wait_for(lambda: datetime.now(UTC) > lease_until + timedelta(seconds=6), "the lease is over", deadline=20)
    for process in frozen:
        process.resume()
    woken_at = time.monotonic()
    system.open_gate()
    assert system.wait_for_end(job_id) == ["completed"]
    print(f"\nrecovery after a frozen PostgreSQL: {time.monotonic() - woken_at:.2f} s")  # noqa: T201
    assert system.attempts(job_id) == ["completed"]
    assert system.effects() == {job_id: 1}
    assert all(worker.alive for worker in workers)
    assert system.wait_for_end(system.enqueue("note")) == ["completed"]


@pytest.mark.fault("F9")
def test_a_sqlite_writer_outlasts_our_patience(system: System) -> None:
    """Another program holds the write lock for longer than `BUSY_TIMEOUT`, and than the lease."""
    worker = system.worker("-c", "1")
    job_id = system.enqueue("lingers")
    system.wait_until_began(job_id)
    wait_for(lambda: system.effects()[job_id], "the effect is there")
    with another_client(system.engine.url.render_as_string()) as connection, connection.begin():
        system.open_gate()
        refused = system.programs.clerk("enqueue", "note", SITE)
        assert refused.wait(deadline=60) == 5
        assert "another program is writing to it" in refused.log
        worker.wait_for_log("its outcome waits for the database", deadline=60)
    assert system.wait_for_end(job_id) == ["completed"]
    assert system.effects() == {job_id: 1}
    assert system.attempts(job_id) == ["completed"]
    assert worker.alive


@pytest.mark.slow
@pytest.mark.fault("F9")
@pytest.mark.fast
def test_a_restored_file_is_taken_up_by_a_worker_that_runs(system: System, tmp_path: Path) -> None:
    """A backup replaces civic.db while a worker runs, which is not restarted."""
    system.worker("-c", "1")
    first = system.enqueue("note", key="before")
    assert system.wait_for_end(first) == ["completed"]
    backup, database = tmp_path / "backup.db", Path(str(system.engine.url.database))
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("VACUUM INTO ?", (str(backup),))
    for name in ("-wal", "-shm"):
        database.with_name(f"{database.name}{name}").unlink(missing_ok=True)
    backup.replace(database)
    assert system.wait_for_end(system.enqueue("note", key="after")) == ["completed"]
