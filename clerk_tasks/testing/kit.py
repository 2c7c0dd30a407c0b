"""What `clerk.testing` offers, supplied by the task system: the port `testing`."""

from __future__ import annotations

from clerk.fetching.recordings import Recording, stub_pdf
from clerk.fetching.recordings import replayed as replay
from clerk_tasks.testing.clock import DatabaseClock
from clerk_tasks.testing.crashes import crash_here
from clerk_tasks.testing.functions import (
    add_site,
    assert_enqueued,
    drain,
    each_crash,
    enqueue,
    enqueued,
    run_job,
    tick,
)
from clerk_tasks.testing.harness import Harness
from clerk_tasks.testing.job_report import JobReport
from clerk_tasks.testing.website import Reply, Request, Website

__all__ = [
    "DatabaseClock",
    "Harness",
    "JobReport",
    "Recording",
    "Reply",
    "Request",
    "Website",
    "add_site",
    "assert_enqueued",
    "crash_here",
    "drain",
    "each_crash",
    "enqueue",
    "enqueued",
    "replay",
    "run_job",
    "stub_pdf",
    "tick",
]
