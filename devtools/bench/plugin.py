"""The plugin with the bench's jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clerk import JobType, Limit, hookimpl
from devtools.bench import jobs


def noop(subdomain: str, run_id: str) -> None:
    """Do nothing."""
    jobs.noop()


def brief(subdomain: str, run_id: str) -> None:
    """Take a millisecond."""
    jobs.brief()


def mark(subdomain: str, run_id: str, path: str) -> None:
    """See `jobs.mark`."""
    jobs.mark(path)


def nap(subdomain: str, run_id: str, path: str, number: int, seconds: float) -> None:
    """See `jobs.nap`."""
    jobs.nap(path, number, seconds)


class BenchPlugin:
    """Registers the jobs."""

    @hookimpl
    def register_job_types(self) -> Mapping[str, JobType | Any]:
        """Return the jobs under their names."""
        limited = JobType(noop, limit=Limit(concurrency=8))
        return {"noop": noop, "tenth": noop, "limited": limited, "brief": brief, "mark": mark, "nap": nap}
