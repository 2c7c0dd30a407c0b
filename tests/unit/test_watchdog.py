"""When a worker is judged to take no job although jobs are there."""

from __future__ import annotations

import pytest

from clerk_tasks.worker.watchdog import LONGEST_STEP, Verdict, Watchdog
from devtools.hand_clock import Clock

FINE, CHILDREN, WORKER = Verdict.FINE, Verdict.REPLACE_IDLE_CHILDREN, Verdict.REPLACE_WORKER


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watchdog(clock: Clock) -> Watchdog:
    return Watchdog(10.0, clock)


def judge(
    watchdog: Watchdog, clock: Clock, seconds: int, *, wanted: bool = True, idle: bool = True, taken: int = 0
) -> list[Verdict]:
    """Look once a second."""
    verdicts = []
    for _ in range(seconds):
        clock.go(1)
        verdicts.append(watchdog.judge(wanted=wanted, idle=idle, taken=taken))
    return verdicts


def test_idle_children_are_replaced_first_and_then_the_worker(watchdog: Watchdog, clock: Clock) -> None:
    assert judge(watchdog, clock, 20) == [*[FINE] * 9, CHILDREN, *[FINE] * 9, WORKER]


def test_a_job_that_is_taken_is_a_sign_of_life(watchdog: Watchdog, clock: Clock) -> None:
    """Guard: `taken != self._taken`, and that the next time begins with the children again."""
    judge(watchdog, clock, 15)
    assert judge(watchdog, clock, 11, taken=1) == [*[FINE] * 10, CHILDREN]


def test_a_worker_without_work_or_without_idle_children_is_fine(watchdog: Watchdog, clock: Clock) -> None:
    assert judge(watchdog, clock, 30, wanted=False) == [FINE] * 30
    assert judge(watchdog, clock, 30, idle=False) == [FINE] * 30


def test_children_that_have_just_been_replaced_are_not_a_sign_of_life(watchdog: Watchdog, clock: Clock) -> None:
    """Guard: `_tried` stays while no child is ready: else the children would be replaced for ever."""
    assert judge(watchdog, clock, 10)[-1] is CHILDREN
    judge(watchdog, clock, 3, idle=False)
    assert judge(watchdog, clock, 10)[-1] is WORKER


def test_a_sleep_counts_little(watchdog: Watchdog, clock: Clock) -> None:
    """Guard: LONGEST_STEP: a laptop that wakes up, or a worker that was stopped, is no worker that takes nothing."""
    judge(watchdog, clock, 1)
    clock.go(3600)
    assert watchdog.judge(wanted=True, idle=True, taken=0) is FINE
    assert watchdog.patience > LONGEST_STEP
