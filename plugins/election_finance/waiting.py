"""Waiting for a job to end, as its row tells it."""

from __future__ import annotations

import time
from collections.abc import Callable

#: How often to look, in seconds.
_INTERVAL = 0.5


def follow(job_id: str, say: Callable[[str], None]) -> bool:
    """Wait until a job has ended, saying what it does; return whether it completed."""
    from clerk.db import reading
    from clerk.ledger.queries import show_job
    from clerk.states import FINISHED, JobState

    said = ""
    while True:
        with reading() as connection:
            job = show_job(connection, job_id)
        state = JobState(job["state"])
        line = f"{job['subdomain']}: {state}" + (f" ({detail})" if (detail := _detail(job)) else "")
        if line != said:
            say(line)
            said = line
        if state in FINISHED:
            return state is JobState.COMPLETED
        time.sleep(_INTERVAL)


def _detail(job: dict[str, object]) -> str:
    return str(job.get("error") if job["state"] in ("retryable", "discarded") else job.get("note") or "")
