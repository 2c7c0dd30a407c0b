"""Jobs, for plugins: enqueue them, ask for their states, wait for their end."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

from clerk.jobs import JobRequest
from clerk.providers import port
from clerk.run_ids import generate_run_id

__all__ = [
    "enqueue_job",
    "enqueue_many",
    "generate_run_id",
    "get_compilation_queue",
    "get_deploy_queue",
    "get_extraction_queue",
    "get_fetch_queue",
    "get_finance_queue",
    "get_high_queue",
    "get_job_function_map",
    "get_ocr_queue",
    "get_redis",
    "job_states",
    "jobs_of_failed_runs",
    "succeeded",
    "wait_for",
]


def enqueue_job(job_type: str, site_id: str, priority: str = "normal", run_id: str | None = None, **kwargs: Any) -> str:
    """Record a job for a site, have it run soon, and return its id; ValueError lists the job types if it is unknown."""
    job_id: str = port("queue").enqueue_job(job_type, site_id, priority=priority, run_id=run_id, **kwargs)
    return job_id


def enqueue_many(requests: Sequence[JobRequest]) -> list[str]:
    """Record any number of jobs, one run for each site, and return their ids; have them run soon.

    All are validated before any is recorded: raises what `enqueue_job` raises. A unique job that is unfinished already
    is left out. They are recorded and published together, which takes a fraction of the time of one after the other.
    """
    job_ids: list[str] = port("queue").enqueue_many(requests).job_ids
    return job_ids


def get_job_function_map() -> dict[str, Callable[..., Any]]:
    """Return every job type's function by the job type's name, plugins' included."""
    functions: dict[str, Callable[..., Any]] = port("queue").job_functions()
    return functions


def get_redis() -> Any:
    """Return a client of the broker, where that is Redis or Valkey; UsageError where it is another."""
    return port("queue").redis_client()


@dataclass(frozen=True)
class PluginQueue:
    """A queue as plugins of the RQ-based clerk know it; in which queue a job waits is up to its job type."""

    name: str

    def enqueue(self, function: Callable[..., Any], site_id: str, **kwargs: Any) -> SimpleNamespace:
        """Enqueue the job type of a function, and return something with the job's `id`; ValueError if it has none."""
        names = [name for name, known in get_job_function_map().items() if known is function]
        if not names:
            raise ValueError(f"{function!r} is the function of no job type: return it from register_job_types")
        priority = "high" if self.name == "high" else "normal"
        return SimpleNamespace(id=enqueue_job(names[0], site_id, priority=priority, **kwargs))


(
    get_high_queue,
    get_fetch_queue,
    get_ocr_queue,
    get_compilation_queue,
    get_extraction_queue,
    get_deploy_queue,
    get_finance_queue,
) = (partial(PluginQueue, name) for name in ("high", "fetch", "ocr", "compilation", "extraction", "deploy", "finance"))


def job_states(job_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return the summaries of jobs (id, job_type, subdomain, state, error …), in the order of their ids."""
    states: list[dict[str, Any]] = port("queue").job_states(job_ids)
    return states


def wait_for(job_ids: Sequence[str], say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Return the jobs' summaries once all have ended; call `say` with one line at each change."""
    ended: list[dict[str, Any]] = port("queue").wait_for(job_ids, say)
    return ended


def succeeded(jobs: Sequence[dict[str, Any]]) -> bool:
    """Return whether every job completed."""
    completed: bool = port("queue").succeeded(jobs)
    return completed


def jobs_of_failed_runs(job_ids: Collection[str]) -> set[str]:
    """Return those of the jobs whose run has not completed."""
    failed: set[str] = port("queue").jobs_of_failed_runs(job_ids)
    return failed


def __getattr__(name: str) -> Any:
    """Resolve `QUEUE_NAMES`: the queues that some worker pool serves, plugins' included."""
    if name == "QUEUE_NAMES":
        return port("queue").queue_names()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
