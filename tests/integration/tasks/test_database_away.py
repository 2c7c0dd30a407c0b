"""A database that is away while a job runs is not the job's failure."""

from __future__ import annotations

import pytest

from clerk.database.engine import create_engine
from clerk.database.held import HeldConnection
from clerk.errors import DatabaseUnavailable
from clerk_tasks.ledger.claims import Claim
from clerk_tasks.worker.outcomes import MOST_UNANSWERED, Failed, unanswered
from clerk_tasks.worker.running_job import RunningJob
from tests.integration.ledger.ledger import LedgerOf
from tests.integration.tasks.one_job import OneJob, raising, run


def claim(attempt: int) -> Claim:
    return Claim("j", attempt, "w", 1, "run", 1, "t", "a.ca", "{}", attempt, 1.0, 1.0)


def test_a_job_that_needs_its_answer_is_handed_back(on_both: LedgerOf, plugin: OneJob) -> None:
    """Guard: unanswered; after so many attempts it counts: the job itself may keep the database locked."""
    row = run(on_both, plugin, raising(DatabaseUnavailable("it is away")), max_attempts=1)
    assert (row.state, row.attempt, row.max_attempts, row.error) == ("retryable", 1, 2, "it is away")
    assert isinstance(unanswered(DatabaseUnavailable("away"), claim(MOST_UNANSWERED + 1)), Failed)


def test_a_job_that_does_not_need_it_goes_on() -> None:
    """Guard: _unless_away: a server that is read-only after a failover failed every job that said how far it was."""
    context = RunningJob(claim(1), HeldConnection(create_engine("sqlite:////nowhere/civic.db")))
    context.progress("half of it")
    context.checkpoint()
    context.check_host("a.example")
    with pytest.raises(DatabaseUnavailable), context.fence():
        raise AssertionError("inside")
