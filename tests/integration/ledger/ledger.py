"""A ledger for tests: short words for what workers and operators do to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from clerk.database.engine import create_engine
from clerk.database.tables import jobs_table, runs_table, stages_table
from clerk_tasks.ledger import attempts
from clerk_tasks.ledger.claims import Claim
from clerk_tasks.ledger.insert import Message, NewJob, NewStage, Recorded
from clerk_tasks.ledger.runs import record_run
from devtools import claiming
from devtools.ledger_laws import Ledger, check


def job(**fields: Any) -> NewJob:
    """Return a job of no particular kind."""
    return NewJob(**{"job_type": "t", "subdomain": "a.ca", "queue": "q"} | fields)


class LedgerOf:
    """The ledger of one database, one transaction a word."""

    def __init__(self, url: str) -> None:
        self.engine: Engine = create_engine(url, durable=False)

    def record(self, *stages: NewStage | Sequence[NewJob], run_id: str = "run") -> Recorded:
        """Record a run; a list of jobs is a stage, named after its place, s0 first."""
        new_stages = [
            stage if isinstance(stage, NewStage) else NewStage(name=f"s{place}", jobs=stage)
            for place, stage in enumerate(stages)
        ]
        with self.engine.begin() as connection:
            return record_run(connection, run_id, subdomain="a.ca", pipeline="p", new_stages=new_stages)

    def claim(self, job_id: str, *, pid: int = 1, lease: float = 60.0) -> Claim:
        """Claim a job that must be there to be claimed."""
        with self.engine.begin() as connection:
            claim = claiming.claim(connection, job_id, instance="w", pid=pid, lease=lease)
        assert claim is not None, self.job(job_id)
        return claim

    def complete(self, claim: Claim, *children: NewJob) -> list[Message]:
        """Complete a job."""
        with self.engine.begin() as connection:
            return attempts.complete(connection, claim, result=None, children=children)

    def work(self, job_id: str) -> None:
        """Claim and complete a job."""
        self.complete(self.claim(job_id))

    def do(self, act: Any, *arguments: Any, **options: Any) -> Any:
        """Call a function of the ledger in a transaction."""
        with self.engine.begin() as connection:
            return act(connection, *arguments, **options)

    def job(self, job_id: str) -> Any:
        """Return a job's row."""
        with self.engine.connect() as connection:
            return connection.execute(sa.select(jobs_table).where(jobs_table.c.id == job_id)).one()

    def jobs(self, stage: str) -> list[Any]:
        """Return the jobs of a stage, oldest first."""
        query = sa.select(jobs_table).join(stages_table).where(stages_table.c.name == stage).order_by(jobs_table.c.id)
        with self.engine.connect() as connection:
            return list(connection.execute(query))

    def stages(self, run_id: str = "run") -> dict[str, str]:
        """Return {stage: state}."""
        query = sa.select(stages_table.c.name, stages_table.c.state).where(stages_table.c.run_id == run_id)
        with self.engine.connect() as connection:
            return {row.name: row.state for row in connection.execute(query.order_by(stages_table.c.position))}

    def run(self, run_id: str = "run") -> str:
        """Return a run's state."""
        with self.engine.connect() as connection:
            state: str = connection.execute(sa.select(runs_table.c.state).where(runs_table.c.id == run_id)).scalar_one()
        return state

    def check(self) -> None:
        """Assert the laws that the property tests assert."""
        with self.engine.connect() as connection:
            check(Ledger.read(connection))

    def sql(self, connection: Connection, statement: str, **values: Any) -> None:
        """Run a statement of the test's own."""
        connection.execute(sa.text(statement), values)


def checked(url: str) -> Iterator[LedgerOf]:
    """Be a fixture's body: give the ledger of a database to a test, and hold it to its laws afterwards."""
    made = LedgerOf(url)
    yield made
    made.check()
    made.engine.dispose()
