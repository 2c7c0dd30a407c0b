"""Behind pgbouncer in transaction mode: many workers share few connections to PostgreSQL."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest
import sqlalchemy as sa

from clerk.database.engine import create_engine
from clerk.database.held import HeldConnection
from clerk.database.tables import jobs_table, sites_table
from clerk_tasks.ledger import attempts, leases
from clerk_tasks.ledger.claims import Claimant, Claims
from clerk_tasks.ledger.insert import NewJob, NewStage
from clerk_tasks.ledger.runs import record_run
from devtools.pooler import Pooler
from devtools.services import PostgresServer
from tests.fixtures import migrate, serve

WORKERS, JOBS = 64, 3000


@pytest.fixture
def pooler(private_postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pooler]:
    made = partial(Pooler, server=private_postgres)
    yield from serve(made, "pgbouncer", private_postgres.folder.with_name("pgbouncer"))


class SimulatedWorker(threading.Thread):
    """Does of a worker what its database sees: it claims, renews, completes and claims the next."""

    def __init__(self, url: str, number: int) -> None:
        super().__init__()
        self.held = HeldConnection(create_engine(url))
        self.claimant = Claimant("default", f"worker-{number}", number, 60.0)
        self.done: list[str] = []

    def run(self) -> None:
        claims = Claims(["noop"])
        with self.held.statement() as connection:
            claim = claims.next(connection, self.claimant)
        while claim is not None:
            with self.held.transaction() as connection:
                leases.renew(connection, self.claimant.instance, [claim.job_id], lease=60.0)
            with self.held.statement() as connection:
                recorded, following = claims.complete_and_next(connection, claim, self.claimant, result=None)
            if not recorded:  # the last job of a stage also closes that
                with self.held.transaction() as connection:
                    attempts.complete(connection, claim, result=None)
            self.done.append(claim.job_id)
            claim = following
        self.held.close()


@pytest.mark.slow
def test_many_workers_share_few_server_connections(private_postgres: PostgresServer, pooler: Pooler) -> None:
    """Guard: `_prepare_nothing_behind_a_pooler`: else a statement is not known to the next server connection."""
    migrate(pooler.url)
    engine = create_engine(pooler.url)
    with engine.begin() as connection:
        connection.execute(sa.insert(sites_table), {"subdomain": "a.ca", "name": "A", "state": "CA"})
        stage = NewStage(name="noop", jobs=[NewJob(job_type="noop", subdomain="a.ca") for _ in range(JOBS)])
        record_run(connection, "run", subdomain="a.ca", pipeline="noop", new_stages=[stage])
    workers = [SimulatedWorker(pooler.url, number) for number in range(1, WORKERS + 1)]
    for worker in workers:
        worker.start()
    direct = create_engine(private_postgres.url)
    connections = sa.text("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
    most = 0
    while any(worker.is_alive() for worker in workers):
        with direct.connect() as connection:
            most = max(most, connection.execute(connections).scalar_one())
        workers[0].join(0.05)
    done = Counter(job_id for worker in workers for job_id in worker.done)
    with direct.connect() as connection:
        states = Counter(connection.execute(sa.select(jobs_table.c.state)).scalars())
    engine.dispose()
    direct.dispose()
    assert set(done.values()) == {1}
    assert (len(done), states) == (JOBS, {"completed": JOBS})
    assert sum(bool(worker.done) for worker in workers) > Pooler.CONNECTIONS
    assert most <= Pooler.CONNECTIONS + 1, "and our own"
