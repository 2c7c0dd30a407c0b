"""clerk: turns city websites into searchable public databases. This is the core; it knows no Celery."""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from clerk import providers
from clerk.contributions import BoardPage, BoardTable, PluginMetric
from clerk.hookspecs import hookimpl
from clerk.job_decorator import job
from clerk.jobs import (
    Backoff,
    Cancel,
    Discard,
    JobContext,
    JobFunction,
    JobRequest,
    JobType,
    Limit,
    Priority,
    Retry,
    Snooze,
    current_job,
)
from clerk.schedule import CatchUp, Schedule
from clerk.version import __version__

if TYPE_CHECKING:
    import pluggy

    from clerk.fetching.fetcher import Fetcher as Fetcher  # on demand: not every plugin fetches

    pm: pluggy.PluginManager

__all__ = [
    "Backoff",
    "BoardPage",
    "BoardTable",
    "Cancel",
    "CatchUp",
    "Discard",
    "JobContext",
    "JobFunction",
    "JobRequest",
    "JobType",
    "Limit",
    "PluginMetric",
    "Priority",
    "Retry",
    "Schedule",
    "Snooze",
    "__version__",
    "current_job",
    "hookimpl",
    "job",
]


def __getattr__(name: str) -> Any:
    """Resolve the names that cost something: `Fetcher`, `pm` (the plugin manager), `main` (the program)."""
    if name == "Fetcher":
        from clerk.fetching.fetcher import Fetcher  # on demand: not every plugin fetches

        return Fetcher
    if name == "pm":
        from clerk.plugin.loader import plugin_manager  # on demand: it loads every plugin

        return plugin_manager()
    if name == "main":
        return providers.port("cli").main
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _Package(ModuleType):
    """This package: its attribute `cli` is the Typer app, whether or not the module `clerk.cli` was imported."""

    @property
    def cli(self) -> Any:
        return providers.port("cli").cli

    @cli.setter
    def cli(self, module: ModuleType) -> None:
        """Ignore that importing a module sets it."""


sys.modules[__name__].__class__ = _Package
