"""What there is to say about each plugin, at work or set aside."""

from __future__ import annotations

from dataclasses import dataclass

from clerk.plugin.loader import plugins
from clerk_tasks.job_types.registry import Registry, registry
from clerk_tasks.operations.contributions import board_pages, plugin_metrics
from clerk_tasks.pipeline import stages
from clerk_tasks.schedules import declared


@dataclass(frozen=True, slots=True)
class PluginReport:
    """One line of `plugins list`."""

    name: str
    source: str | None  # None: it never got as far as being one
    where: str
    version: str | None
    hooks: tuple[str, ...]
    job_types: tuple[str, ...]
    state: str  # ok or quarantined
    error: str | None


def ask_all() -> Registry:
    """Ask every plugin for all that it registers, so that what is wrong with them is found now."""
    known = registry()
    declared.gather()
    stages()
    plugin_metrics()
    board_pages()
    return known


def plugin_reports() -> list[PluginReport]:
    """Describe every plugin after asking each for what it registers."""
    known, found = ask_all(), plugins()
    problems: dict[tuple[str, str], list[str]] = {}
    for entry in found.quarantined:
        problems.setdefault((entry.name, entry.where), []).append(f"{entry.phase}: {entry.problem}")
    reports = []
    for plugin in found.plugins:
        own = tuple(sorted(name for name, entry in known.job_types.items() if entry.plugin == plugin.name))
        error = "; ".join(problems.pop((plugin.name, plugin.where), [])) or None
        state = "quarantined" if error else "ok"
        hooks = found.hooks_of(plugin.implementation)
        reports.append(PluginReport(plugin.name, plugin.source, plugin.where, plugin.version, hooks, own, state, error))
    for (name, where), errors in problems.items():
        reports.append(PluginReport(name, None, where, None, (), (), "quarantined", "; ".join(errors)))
    return reports
