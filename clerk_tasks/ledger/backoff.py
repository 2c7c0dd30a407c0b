"""How long a job waits for its next attempt."""

from __future__ import annotations

import math
import random

#: The longest wait that a job may ask for, in seconds: a week, also where more is asked for.
LONGEST_WAIT = 7 * 86400.0
#: What jitter multiplies a wait by at the least and at the most.
LEAST_JITTER, MOST_JITTER = 0.75, 1.25


def wait(asked: float | None, *, attempt: int, base: float, cap: float) -> float:
    """Return the seconds until the next attempt: those asked for, within reason; by the backoff if that is no number.

    A moment too far away would be NULL on SQLite, where no relay finds it, and an error on PostgreSQL.
    """
    if asked is None or math.isnan(asked):
        return backoff(attempt, base=base, cap=cap)
    return min(max(asked, 0.0), LONGEST_WAIT)


def backoff(attempt: int, *, base: float, cap: float) -> float:
    """Return `base` seconds, doubled with each attempt up to `cap`, with jitter."""
    doubled = 2.0 ** min(attempt - 1, 64)  # past the thousandth attempt it would be no float
    return min(cap, base * doubled) * random.uniform(LEAST_JITTER, MOST_JITTER)  # noqa: S311 - jitter, not a secret
