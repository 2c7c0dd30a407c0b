"""clerk: turns city websites into searchable public databases. This is the core; it knows no Celery."""

from typing import TYPE_CHECKING, Any

from clerk.hookspecs import hookimpl
from clerk.jobs import Backoff, Cancel, Discard, JobContext, JobRequest, JobType, Priority, Retry, current_job
from clerk.schedule import CatchUp, Schedule

if TYPE_CHECKING:
    from clerk.plugin_loader import pm as pm

__version__ = "0.1.0"

__all__ = [
    "Backoff",
    "Cancel",
    "CatchUp",
    "Discard",
    "JobContext",
    "JobRequest",
    "JobType",
    "Priority",
    "Retry",
    "Schedule",
    "__version__",
    "current_job",
    "hookimpl",
]
