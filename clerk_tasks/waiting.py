"""Wait for jobs and their children to end, and say meanwhile what they are doing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from clerk.database.states import FINISHED, JobState
from clerk_tasks.operations.listing import jobs_since

#: How often to look, in seconds.
INTERVAL = 0.25
#: How many times as long as a look took to wait for the next.
_REST = 4


def wait_for(job_ids: Sequence[str], say: Callable[[str], None], *, again: bool = False) -> list[dict[str, Any]]:
    """Return the jobs and their children once all have ended; `say` hears each time that something has changed.

    Children are the jobs that were recorded in the same runs since. With `again` the jobs are old, and what else has
    ended in their runs before the first look is left out.
    """
    said, named = "", set(job_ids)
    ended_before: set[str] | None = None
    while True:
        began = time.monotonic()
        jobs = jobs_since(job_ids)
        if ended_before is None:
            ended = {job["id"] for job in jobs if job["state"] in FINISHED}
            ended_before = ended - named if again else set()
        jobs = [job for job in jobs if job["id"] not in ended_before]
        if (text := _progress(jobs)) != said:
            say(said := text)
        if all(job["state"] in FINISHED for job in jobs):
            return jobs
        time.sleep(max(INTERVAL, _REST * (time.monotonic() - began)))


def succeeded(jobs: Sequence[dict[str, Any]]) -> bool:
    """Return whether every job completed."""
    return all(job["state"] == JobState.COMPLETED for job in jobs)


def _progress(jobs: Sequence[dict[str, Any]]) -> str:
    if len(jobs) == 1:
        job = jobs[0]
        said = job["note"] or job["error"]
        attempt = f" (attempt {job['attempt']} of {job['max_attempts']})" if job["attempt"] > 1 else ""
        return f"{job['job_type']} {job['subdomain']}: {job['state']}{attempt}{f': {said}' if said else ''}"
    ended = sum(job["state"] in FINISHED for job in jobs)
    failed = sum(job["state"] in (JobState.DISCARDED, JobState.CANCELLED) for job in jobs)
    running = next((job for job in jobs if job["state"] == JobState.RUNNING), None)
    doing = f": {running['job_type']} {running['subdomain']} {running['note'] or ''}".rstrip() if running else ""
    return f"{ended} of {len(jobs)} jobs ended{f', {failed} failed' if failed else ''}{doing}"
