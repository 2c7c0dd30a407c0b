"""clerk: turns city websites into searchable public databases. This is the core; it knows no Celery."""

from typing import TYPE_CHECKING, Any

from clerk.hookspecs import hookimpl
from clerk.jobs import Backoff, Cancel, Discard, JobContext, JobRequest, JobType, Priority, Retry, current_job
from clerk.schedule import CatchUp, Schedule

if TYPE_CHECKING:
    import pluggy

    from clerk.fetcher import Fetcher as Fetcher

    pm: pluggy.PluginManager

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


def __getattr__(name: str) -> Any:
    """Resolve the names that cost something: `Fetcher`, `pm` (the plugin manager), `cli` and `main` (the program)."""
    if name == "Fetcher":
        from clerk.fetcher import Fetcher

        return Fetcher
    if name == "pm":
        from clerk.plugin_loader import plugin_manager

        return plugin_manager()
    if name in ("cli", "main"):
        from clerk.ports import port

        return getattr(port("cli"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
