"""Dead letters are retried with their exact arguments: one, or all that look alike."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from clerk.database.states import JobState
from clerk.database.tables import jobs_table as jobs
from clerk.database.transactions import reading, transaction
from clerk.errors import ConflictError, NotFoundError
from clerk_tasks.cli.main import main
from clerk_tasks.ledger import interventions, queries
from clerk_tasks.ledger.insert import NewJob, NewStage
from clerk_tasks.ledger.job_filter import JobFilter
from clerk_tasks.ledger.runs import record_run
from clerk_tasks.operations import job_retry
from clerk_tasks.operations.bulk import run_bulk
from clerk_tasks.operations.bulk_acts import retrying
from clerk_tasks.operations.listing import show_job
from tests.integration.operations.conftest import Enqueue

Work = Callable[[str], None]


def test_the_arguments_and_the_attempts(enqueue: Enqueue, work: Work, engine: Engine) -> None:
    job = enqueue("broken", why='Ünïcode, "quoted" & long ' + "x" * 500)
    work(job)
    with reading(engine) as connection:
        before = queries.show_job(connection, job)["arguments"]
    assert job_retry.retry([job]) == [job]
    work(job)
    with reading(engine) as connection:
        after = queries.show_job(connection, job)
    assert after["arguments"] == before
    assert [row["attempt"] for row in after["attempts"]] == [1, 2]
    assert after["attempt"] <= after["max_attempts"]


def test_one_that_cannot_be_retried_stops_all_only_if_it_was_named(
    enqueue: Enqueue, work: Work, engine: Engine
) -> None:
    first, broken = enqueue("fine"), enqueue("broken")
    work(broken)
    with transaction(engine) as connection:
        interventions.cancel(connection, first, by="a test")
    winner = enqueue("fine")  # has the key of the first now
    with pytest.raises(ConflictError, match=winner):
        job_retry.retry([first, broken])
    with transaction(engine) as connection:
        assert connection.execute(sa.select(jobs.c.state).where(jobs.c.id == broken)).scalar_one() == "discarded"
    every = run_bulk(retrying(), JobFilter(run_id=show_job(broken)["run_id"]))
    assert (every.job_ids, every.refused) == ([broken], [])
    cancelled = run_bulk(retrying(), JobFilter(state=JobState.CANCELLED))
    assert cancelled.job_ids == []
    assert winner in cancelled.refused[0]
    with pytest.raises(NotFoundError):
        job_retry.retry(["nope"])


def test_a_dry_run_refuses_what_the_retry_refuses_and_changes_nothing(
    enqueue: Enqueue, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = []
    for _ in range(2):  # the second of two with one unique key
        ended.append(enqueue("fine"))
        with transaction(engine) as connection:
            interventions.cancel(connection, ended[-1], by="a test")
    dry = run_bulk(retrying(), JobFilter(state=JobState.CANCELLED), dry_run=True)
    with pytest.raises(ConflictError, match=ended[0]):
        job_retry.retry(ended, dry_run=True)
    assert main(["jobs", "retry", "--state", "cancelled", "--dry-run"]) == 0
    assert capsys.readouterr().out.split() == [ended[0]]
    done = run_bulk(retrying(), JobFilter(state=JobState.CANCELLED))
    assert dry.job_ids == done.job_ids == [ended[0]]
    assert len(dry.refused) == len(done.refused) == 1


@pytest.mark.every_database
def test_all_jobs_of_a_cancelled_run_are_retried_by_their_state(engine: Engine, request: pytest.FixtureRequest) -> None:
    """More than one transaction retries: what gathers them is in the second, and was brought back by the first."""
    stages = [
        NewStage(name=name, jobs=[NewJob(job_type="fine", subdomain="alameda.ca") for _ in range(number)])
        for name, number in (("pieces", 1001), ("whole", 1))
    ]
    with transaction(engine) as connection:
        recorded = record_run(connection, "run", subdomain="alameda.ca", pipeline="fine", new_stages=stages)
    with transaction(engine) as connection:
        interventions.cancel_run(connection, "run", by="a test")
    said: list[str] = []

    def listen(*given: object) -> None:
        said.append(str(given[2]))

    sa.event.listen(Engine, "before_cursor_execute", listen)
    request.addfinalizer(lambda: sa.event.remove(Engine, "before_cursor_execute", listen))
    for dry_run in (True, False):
        result = run_bulk(retrying(), JobFilter(state=JobState.CANCELLED), dry_run=dry_run)
        assert (result.job_ids, result.refused) == (sorted(recorded.job_ids), [])
    assert len(said) < 100
    with reading(engine) as connection:
        run = queries.show_run(connection, "run", limit=1)
    assert [(stage["state"], stage["remaining"]) for stage in run["stages"]] == [("open", 1001), ("waiting", 1)]


def test_the_command(enqueue: Enqueue, work: Work, capsys: pytest.CaptureFixture[str]) -> None:
    job = enqueue("broken")
    work(job)
    assert main(["jobs", "retry", "--state", "discarded", "--dry-run"]) == 0
    assert capsys.readouterr().out.split() == [job]
    assert main(["jobs", "show", job, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "discarded"
    assert main(["jobs", "retry", "--state", "discarded", "--error-like", "source"]) == 0
    assert capsys.readouterr().out.split() == [job]
    for words in ([], ["--dry-run"]):
        assert main(["jobs", "retry", job, *words]) == 4
        assert main(["jobs", "retry", "nope", *words]) == 3
    assert main(["jobs", "retry"]) == 2
