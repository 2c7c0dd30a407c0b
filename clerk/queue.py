"""Enqueueing, under the names that the seed of this project and today's plugins import."""

from collections.abc import Callable
from typing import Any

from clerk.ports import port
from clerk.run_ids import generate_run_id

__all__ = ["enqueue_job", "generate_run_id", "get_job_function_map"]


def enqueue_job(job_type: str, site_id: str, priority: str = "normal", run_id: str | None = None, **kwargs: Any) -> str:
    """Record a job for a site, have it run soon, and return its id; ValueError lists the job types if it is unknown."""
    job_id: str = port("dispatcher").enqueue_job(job_type, site_id, priority=priority, run_id=run_id, **kwargs)
    return job_id


def get_job_function_map() -> dict[str, Callable[..., Any]]:
    """Return every job type's function by the job type's name, plugins' included."""
    functions: dict[str, Callable[..., Any]] = port("registry").registry().functions()
    return functions


def __getattr__(name: str) -> Any:
    """Resolve `QUEUE_NAMES`: the queues that some worker pool works on, plugins' included."""
    if name == "QUEUE_NAMES":
        return sorted({queue for pool in port("registry").registry().pools.values() for queue in pool.queues})
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
