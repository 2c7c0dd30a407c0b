"""A site whose runs fail day after day is paused by the schedule that would begin the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
import sqlalchemy as sa

from clerk import pauses
from clerk.application import application
from clerk.database.clock import database_time
from clerk.database.tables import jobs_table, runs_table
from clerk.database.transactions import transaction
from clerk.jobs import JobRequest
from clerk.pauses import Pause
from clerk_tasks import dispatcher
from clerk_tasks.operations.acts import list_acts
from clerk_tasks.schedules import slots
from clerk_tasks.schedules.slots import Fired
from tests.integration.tasks.test_slots import Declare, count_jobs, declare, ours

__all__ = ["declare"]

Fail = Callable[..., None]
DAY = 24.0


@pytest.fixture
def runs(declare: Declare, monkeypatch: pytest.MonkeyPatch) -> Fail:
    """A schedule that is due, for a site whose runs ended so many hours ago, in such a state."""
    monkeypatch.setenv("CLERK_PAUSE_AFTER_FAILURES", "3")
    application.close()
    declare(1, s="choose")

    def record(hours_ago: Sequence[float], state: str = "failed") -> None:
        for hours in hours_ago:
            (job,) = dispatcher.enqueue(JobRequest("work", "a.ca")).job_ids
            with transaction() as connection:
                born = database_time(connection) - timedelta(hours=hours)
                ended = {"state": "discarded", "error": "HTTP 403", "finished_at": born}
                of_job = (
                    sa.update(jobs_table).where(jobs_table.c.id == job).values(ended).returning(jobs_table.c.run_id)
                )
                run = connection.execute(of_job).scalar_one()
                of_run = {"state": state, "created_at": born}
                connection.execute(sa.update(runs_table).where(runs_table.c.id == run).values(of_run))

    return record


def fire() -> Fired:
    (fired,) = [fired for fired in ours(slots.tick()) if fired.fate != "missed"]
    return fired


def pause() -> Pause | None:
    with transaction() as connection:
        return pauses.find_pause(connection, "site", "a.ca")


def test_a_site_that_failed_on_so_many_days_is_paused(runs: Fail) -> None:
    runs([0.0, DAY, 2 * DAY])
    before = count_jobs()
    assert (fire().fate, count_jobs()) == ("nothing", before)
    found = pause()
    assert found is not None
    assert (found.by, found.until) == ("clerk-tasks", None)
    assert found.reason == "its last 3 runs (work) failed, on 3 days or more: HTTP 403"
    (act,) = list_acts()
    assert [act[name] for name in ("act", "what", "by", "reason")] == [
        "pause",
        "site a.ca",
        "clerk-tasks",
        found.reason,
    ]


@pytest.mark.parametrize(
    ("failed", "completed"),
    [([DAY, 2 * DAY], []), ([DAY, DAY + 0.01, DAY + 0.02], []), ([0.0, DAY, 3 * DAY], [2 * DAY])],
    ids=["two days", "one day", "one success in between"],
)
def test_a_site_that_failed_on_fewer_days_goes_on(runs: Fail, failed: list[float], completed: list[float]) -> None:
    """Guards: dates are counted, not runs; the newest run that did not fail ends the row."""
    runs(failed)
    runs(completed, "completed")
    assert fire().fate == "enqueued"
    assert pause() is None


def test_the_count_begins_again_once_the_site_is_resumed(runs: Fail) -> None:
    """Guard: last_end."""
    runs([0.0, DAY, 2 * DAY])
    with transaction() as connection:
        pauses.pause(connection, "site", "a.ca", reason="r", by="a test", seconds=None)
        pauses.resume(connection, "site", "a.ca")
    assert fire().fate == "enqueued"
    assert pause() is None


def test_zero_pauses_no_site(runs: Fail, monkeypatch: pytest.MonkeyPatch) -> None:
    runs([0.0, DAY, 2 * DAY, 3 * DAY])
    monkeypatch.setenv("CLERK_PAUSE_AFTER_FAILURES", "0")
    application.close()
    assert fire().fate == "enqueued"
