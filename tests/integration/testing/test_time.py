"""The clock of a harness, and what waits for it."""

from __future__ import annotations

import signal
from datetime import timedelta

import pytest

from clerk import JobRequest, JobType, Limit, Schedule, Snooze, current_job, hookimpl
from clerk.testing import Harness, assert_enqueued, drain, enqueue, enqueued, run_job, tick


def never(subdomain: str) -> None:
    raise Snooze(60)


def restless(subdomain: str) -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)


class Timed:
    @hookimpl
    def register_job_types(self) -> dict[str, object]:
        count = JobType(lambda subdomain: current_job().attempt, limit=Limit(rate="2/hour"))
        return {"count": count, "never": never, "restless": restless}

    @hookimpl
    def register_schedules(self) -> list[Schedule]:
        return [Schedule("nightly", "0 6 * * *", lambda connection: [JobRequest("count", "alameda.ca")])]


@pytest.fixture
def harness(clerk_harness: Harness) -> Harness:
    clerk_harness.add_plugin(Timed)
    clerk_harness.add_site("alameda.ca")
    return clerk_harness


def test_a_schedule_fires_when_the_clock_says_so(harness: Harness) -> None:
    harness.clock.set("2031-05-06T05:00")
    tick()
    harness.clock.advance(minutes=59)
    assert ([fired for fired in tick() if fired.schedule == "nightly"], enqueued()) == ([], [])
    harness.clock.advance(minutes=2)
    (fired,) = [fired for fired in tick() if fired.schedule == "nightly"]
    assert fired.due_at.isoformat() == "2031-05-06T06:00:00+00:00"
    assert_enqueued("count", "alameda.ca")
    assert [(job.job_type, job.result) for job in drain()] == [("count", 1)]


def test_what_a_rate_holds_runs_when_there_is_room(harness: Harness) -> None:
    began = harness.clock.now()
    for _ in range(5):
        enqueue("count", "alameda.ca")
    assert len(drain(wait=False)) == 2
    assert len(drain()) == 3
    assert harness.clock.now() - began >= timedelta(hours=2)


@pytest.mark.usefixtures("harness")
def test_a_job_that_never_ends_is_an_error() -> None:
    enqueue("never", "alameda.ca")
    with pytest.raises(AssertionError, match=r"never alameda\.ca: .* has been run 100 times"):
        drain()


@pytest.mark.usefixtures("harness")
def test_a_job_that_must_wait_says_why() -> None:
    run_job("count", "alameda.ca")
    run_job("count", "alameda.ca")
    with pytest.raises(AssertionError, match=r"it cannot run now: count alameda\.ca: held"):
        run_job("count", "alameda.ca")


@pytest.mark.usefixtures("harness")
def test_the_timer_of_the_test_goes_on() -> None:
    run_job("restless", "alameda.ca")
    assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 120  # pytest-timeout's, which the sandbox stops
