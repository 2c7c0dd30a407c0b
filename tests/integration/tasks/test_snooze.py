"""A job that asks to run later: in so many seconds, and the attempt does not count."""

from __future__ import annotations

import pytest

from clerk import Snooze
from clerk.database.tables import attempts_table
from tests.integration.ledger.ledger import LedgerOf
from tests.integration.tasks.one_job import OneJob, raising, run


class Speechless(Snooze):
    def __init__(self) -> None:
        pass


@pytest.mark.parametrize(("seconds", "waits"), [(7200, 7200.0), (10.0**9, 7 * 86400.0)])
def test_a_snoozed_job_runs_later_and_loses_no_attempt(
    on_both: LedgerOf, plugin: OneJob, seconds: float, waits: float
) -> None:
    row = run(on_both, plugin, raising(Snooze(seconds, "the agenda is not out")))
    assert (row.state, row.error) == ("retryable", "the agenda is not out")
    assert row.max_attempts - row.attempt == 3, "as many as before"
    assert (row.due_at - row.started_at).total_seconds() == pytest.approx(waits, abs=60.0)
    with on_both.engine.connect() as connection:
        assert [row.outcome for row in connection.execute(attempts_table.select())] == ["snoozed"]


def test_a_snooze_without_a_number_is_a_failed_attempt(on_both: LedgerOf, plugin: OneJob) -> None:
    row = run(on_both, plugin, raising(Speechless()))
    assert (row.state, row.attempt, row.max_attempts) == ("retryable", 1, 3)
    assert row.error.startswith("Speechless (its seconds are no number: AttributeError")


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "soon", None])
def test_an_author_sees_where_the_number_is_wrong(seconds: float) -> None:
    with pytest.raises((ValueError, TypeError)):
        Snooze(seconds)
