"""Wait for jobs and their children to end, and say meanwhile what they are doing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from clerk.database.states import FINISHED, JobState
from clerk_tasks.operations.listing import jobs_since

#: How often to look, in seconds.
INTERVAL = 0.25
#: How many times as long as a look took to wait for the next.
_REST = 4


class WaitProgress(NamedTuple):
    """How far some jobs are: how many have ended, of how many, what they do, and how it will go on."""

    ended: int
    total: int
    doing: str
    per_minute: float | None = None
    left: float | None = None  # seconds

    def __str__(self) -> str:
        """Return it as one line."""
        if self.total == 1:
            return self.doing
        rate = f", {self.per_minute:.0f} a minute" if self.per_minute else ""
        left = f", about {max(round(self.left), 1)} s left" if self.left else ""
        return f"{self.ended} of {self.total} jobs ended ({100 * self.ended // self.total} %{rate}{left}){self.doing}"


def wait_for(
    job_ids: Sequence[str],
    say: Callable[[str], None],
    *,
    again: bool = False,
    show: Callable[[WaitProgress], None] | None = None,
) -> list[dict[str, Any]]:
    """Return the jobs and their children once all have ended; `say` hears each time that something has changed.

    Children are the jobs that were recorded in the same runs since. With `again` the jobs are old, and what else has
    ended in their runs before the first look is left out. With `show` that is called after each look, instead of `say`.
    """
    said, named = WaitProgress(0, 0, ""), set(job_ids)
    ended_before: set[str] | None = None
    since, first = time.monotonic(), 0
    while True:
        began = time.monotonic()
        jobs = jobs_since(job_ids)
        if ended_before is None:
            ended = {job["id"] for job in jobs if job["state"] in FINISHED}
            ended_before = ended - named if again else set()
            first = len(ended - ended_before)
        jobs = [job for job in jobs if job["id"] not in ended_before]
        look = look_at(jobs)
        if show:
            show(look)
        elif look != said:
            say(str(with_rate(look, look.ended - first, time.monotonic() - since)))
            said = look
        if look.ended == look.total:
            return jobs
        time.sleep(max(INTERVAL, _REST * (time.monotonic() - began)))


def succeeded(jobs: Sequence[dict[str, Any]]) -> bool:
    """Return whether every job completed."""
    return all(job["state"] == JobState.COMPLETED for job in jobs)


def with_rate(look: WaitProgress, ended: int, seconds: float) -> WaitProgress:
    """Return a look with its rate and the time left, if so many jobs have ended in so many seconds."""
    if not ended or not seconds or look.ended == look.total:
        return look
    return look._replace(per_minute=60 * ended / seconds, left=(look.total - look.ended) * seconds / ended)


def look_at(jobs: Sequence[dict[str, Any]]) -> WaitProgress:
    """Return how far jobs are."""
    ended = sum(job["state"] in FINISHED for job in jobs)
    if len(jobs) == 1:
        job = jobs[0]
        said = job["note"] or job["error"]
        attempt = f" (attempt {job['attempt']} of {job['max_attempts']})" if job["attempt"] > 1 else ""
        text = f"{job['job_type']} {job['subdomain']}: {job['state']}{attempt}{f': {said}' if said else ''}"
        return WaitProgress(ended, 1, text)
    failed = sum(job["state"] in (JobState.DISCARDED, JobState.CANCELLED) for job in jobs)
    running = next((job for job in jobs if job["state"] == JobState.RUNNING), None)
    doing = f": {running['job_type']} {running['subdomain']} {running['note'] or ''}".rstrip() if running else ""
    return WaitProgress(ended, len(jobs), f"{f', {failed} failed' if failed else ''}{doing}")
