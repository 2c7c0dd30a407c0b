"""However many jobs have ended, no command reads them: each statement uses an index of what it asks for."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from clerk.database import engine as db
from clerk.database.literals import PASS
from clerk.database.operator_tables import metadata
from clerk.database.transactions import transaction
from clerk.jobs import JobRequest
from clerk_tasks import dispatcher
from clerk_tasks.cli.main import main
from clerk_tasks.ledger import interventions, queries
from clerk_tasks.ledger.paused import NOTHING_PAUSED
from tests.integration.operations.conftest import Enqueue

pytestmark = pytest.mark.slow

Work = Callable[[str], None]

#: {waits}, {dead}: jobs; {run}: the run of the first; {beginning}: of an id.
COMMANDS = """
status
status --subdomain alameda.ca
top --interval 0.01
jobs list
jobs list --subdomain alameda.ca
jobs list --job-type fine
jobs list --run-id {run}
jobs list --before {waits}
jobs list --state scheduled
jobs list --state available
jobs list --state running
jobs list --state retryable
jobs list --state cancelled
jobs list --state discarded
jobs list --state completed
jobs show {dead}
jobs show {beginning}
jobs logs {dead}
failures
failures --since 7d
metrics --once
jobs retry --state discarded --dry-run
jobs retry {dead} --dry-run
runs list
runs list --subdomain alameda.ca
runs list --before {run}
runs list --state running
runs list --state completed
runs list --state failed
runs list --state cancelled
runs show {run}
runs show {run_beginning}
why {waits}
why {dead}
why alameda.ca
doctor
health
db prune --older-than 1 --dry-run
sites remove alameda.ca --dry-run
jobs dismiss --all --dry-run
jobs cancel --all --dry-run
jobs cancel --job-type fine --dry-run
jobs cancel --error-like timeout --older-than 1h --dry-run
jobs move --all --to default --dry-run
jobs list --fingerprint 01234567 --state discarded
jobs cancel {waits}
acts
webhooks list
pauses
workers
schedule list
sites list
sites silent
jobs reprioritise --all --priority low --dry-run
pause site alameda.ca --reason r
resume site alameda.ca
limits show
limits set fine --concurrency 1 --reason r
limits reset fine
runs cancel {passage}
update --next-site
"""

#: Tables that grow with every job.
GROWING = ("jobs", "stages", "runs", "attempts", "attempt_logs")
#: The indexes that have only the rows which are still of interest.
PARTIAL = {
    index.name
    for table in metadata.tables.values()
    for index in table.indexes
    if index.dialect_options["sqlite"]["where"] is not None
}
#: What gives rows in the order of a list, and stops where the list does.
IN_ORDER = {"sqlite_autoindex_jobs_1", "ix_runs_created_at"}


@pytest.fixture
def statements(engine: Engine, enqueue: Enqueue, work: Work) -> list[tuple[str, Any]]:
    """Run every command; return what each has asked the database."""
    dead, waits = enqueue("broken"), enqueue("fine")
    work(dead)
    passage = enqueue("fetch-site")
    with transaction(engine) as connection:
        run, passed = (queries.show_job(connection, job)["run_id"] for job in (waits, passage))
    asked: list[tuple[str, Any]] = []
    listen = ("before_cursor_execute", lambda *seen: asked.append((seen[2], seen[3])))
    sa.event.listen(db.engine(), *listen)
    for line in COMMANDS.strip().splitlines():
        before = len(asked)
        known = {"waits": waits, "dead": dead, "run": run, "passage": passed}
        known |= {"beginning": dead[:30], "run_beginning": run[:-2]}
        assert main(line.format(**known).split()) in (0, 1, 2, 4), line
        assert len(asked) > before, line
    with transaction(db.engine()) as connection:
        queries.has_work(connection, ["default"], ["fine"], NOTHING_PAUSED)
    sa.event.remove(db.engine(), *listen)
    return [each for each in asked if re.match(r"SELECT|WITH|UPDATE|DELETE", each[0])]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_sqlite_scans_no_table_that_grows(engine: Engine, statements: list[tuple[str, Any]]) -> None:
    with engine.connect() as connection:
        scans = [
            f"{step}: {statement}"
            for statement, values in statements
            for step in plan(connection, f"EXPLAIN QUERY PLAN {statement}", values)
            if (scan := re.match(rf"SCAN ({'|'.join(GROWING)})\b(?: USING (?:COVERING )?INDEX (\w+))?", step))
            if scan[2] not in PARTIAL and not (scan[2] in IN_ORDER and "LIMIT" in statement)
        ]
    assert scans == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_postgresql_has_an_index_for_all_it_reads(engine: Engine, statements: list[tuple[str, Any]]) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql("SET enable_seqscan = off")  # small tables are read whole otherwise
        scans = [
            f"{step}: {statement}"
            for statement, values in statements
            for step, below in pairwise([*plan(connection, f"EXPLAIN {statement}", values), ""])
            if (scan := re.search(rf"(?:Seq Scan|Scan (?:Backward )?using (\w+)) on ({'|'.join(GROWING)})\b", step))
            if "Index Cond" not in below and scan[1] not in PARTIAL and not (scan[1] and "LIMIT" in statement)
        ]
    assert scans == []


def plan(connection: Connection, statement: str, values: Any) -> list[str]:
    """Return the steps of a plan."""
    return [str(row[-1]) for row in connection.exec_driver_sql(statement, values)]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_states_are_literals(engine: Engine, statements: list[tuple[str, Any]]) -> None:
    """Guard: of a parameter a prepared statement's general plan does not know whether a partial index has its rows."""
    compared = re.compile(r"\b(?:jobs|runs|stages)\.state (?:=|IN) \(*\?")
    assert [statement for statement, _ in statements if compared.search(statement)] == []


@pytest.mark.parametrize("wholly", [True, False])
def test_cancelling_many_jobs_is_a_handful_of_statements(engine: Engine, wholly: bool) -> None:
    counts = []
    for number in (2, 1500):
        requests = [JobRequest("fine", "alameda.ca", {"name": f"{number} {name}"}) for name in range(number)]
        jobs = dispatcher.enqueue_many(requests).job_ids
        asked: list[int] = []  # how many parameters each statement has
        with transaction(engine) as connection:
            run_id = queries.show_job(connection, jobs[0])["run_id"]
            sa.event.listen(connection, "before_cursor_execute", lambda *seen, asked=asked: asked.append(len(seen[3])))
            if wholly:
                interventions.cancel_run(connection, run_id, by="a test")
            else:
                interventions.cancel_jobs(connection, jobs, by="a test")
        with transaction(engine) as connection:
            assert {job["state"] for job in queries.job_states(connection, jobs)} == {"cancelled"}
            run = queries.show_run(connection, run_id, limit=1)
        assert run["state"] == "cancelled"
        assert [(stage["remaining"], stage["cancelled"]) for stage in run["stages"]] == [(0, number)]
        counts.append(len(asked))
        assert max(asked) <= PASS + 10, "no IN list is longer than a part"
    assert counts[1] <= counts[0] + 6  # ids go in parts of a thousand
    assert counts[1] <= 25
