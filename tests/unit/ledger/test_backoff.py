"""How long a job waits for its next attempt."""

from __future__ import annotations

import math

import pytest

from clerk_tasks.ledger.backoff import LONGEST_WAIT, backoff, wait


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 15.0), (2, 30.0), (5, 240.0), (9, 3600.0), (5000, 3600.0)])
def test_the_wait_doubles_up_to_its_cap_and_is_spread(attempt: int, seconds: float) -> None:
    """Guards: `attempt - 1`, the cap, the jitter."""
    waits = {backoff(attempt, base=15.0, cap=3600.0) for _ in range(50)}
    assert all(0.75 * seconds <= each <= 1.25 * seconds for each in waits)
    assert len(waits) > 1, "a crowd must not return at once"


@pytest.mark.parametrize(
    ("asked", "seconds"), [(0.0, 0.0), (7.5, 7.5), (-3.0, 0.0), (1e20, LONGEST_WAIT), (math.inf, LONGEST_WAIT)]
)
def test_what_is_asked_for_is_given_within_reason(asked: float, seconds: float) -> None:
    assert wait(asked, attempt=1, base=15.0, cap=3600.0) == seconds


@pytest.mark.parametrize("asked", [None, math.nan])
def test_no_number_is_the_backoff(asked: float | None) -> None:
    assert 7.5 <= wait(asked, attempt=1, base=10.0, cap=3600.0) <= 12.5
