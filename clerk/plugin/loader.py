"""Loads the plugins, once a process: ours, those of installed distributions, those of the plugins directory."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

import pluggy

from clerk.application import part
from clerk.early_settings import early_setting
from clerk.errors import UsageError
from clerk.plugin.discovery import has_hookimpl_methods, load_directory, load_entry_points, require_directory
from clerk.plugin.registered import PluginSet, Quarantined, log

__all__ = [
    "asked_once",
    "call_hook",
    "forget_plugins",
    "has_hookimpl_methods",
    "load_plugins_from_directory",
    "load_plugins_from_entry_points",
    "plugin_manager",
    "plugins",
    "plugins_directory",
    "quarantined",
    "use_plugins_directory",
]

Reply = TypeVar("Reply")

#: The plugins directory where none is configured.
DEFAULT_DIRECTORY = "plugins"
_lock = RLock()


def plugins() -> PluginSet:
    """Return the plugins of this process, loading them the first time.

    A plugin that asks for them while it is being imported gets the set that is being filled.
    """
    with _lock:
        found = _plugin_set()
        if not found.loaded:
            found.loaded = True
            try:
                load_entry_points(found)
                load_directory(found, plugins_directory())
            except BaseException:
                forget_plugins()
                raise
        return found


def forget_plugins() -> None:
    """Make the next call of `plugins()` load everything again."""
    _plugin_set.discard()


def plugin_manager() -> pluggy.PluginManager:
    """Return the pluggy manager that holds every plugin; calls through it let a plugin's exception through."""
    return plugins().manager


def call_hook(hook: str, /, **arguments: Any) -> list[tuple[str, Any]]:
    """Call a hook on every plugin, last registered first; return (plugin name, answer) where it is not None.

    An implementation that raises is quarantined and the others still answer. Where a failure must be the
    caller's failure (deploying, uploading), call `plugin_manager().hook` instead.
    """
    return [(plugin.name, answer) for plugin, answer in plugins().call(hook, **arguments)]


def asked_once(ask: Callable[[PluginSet], Reply]) -> Callable[[], Reply]:
    """Make a question to the plugins one that is asked once, and again only when there are other plugins.

    So a transaction can use the answer without running a plugin's code, which may take its time.
    """
    kept = lru_cache(maxsize=1)(lambda found, _members: ask(found))

    @wraps(ask)
    def answer() -> Reply:
        found = plugins()
        return kept(found, frozenset(map(id, found.manager.get_plugins())))

    return answer


def quarantined() -> tuple[Quarantined, ...]:
    """List the plugins, and parts of plugins, that were set aside."""
    return plugins().quarantined


def load_plugins_from_directory(plugins_dir: str | os.PathLike[str]) -> None:
    """Add the plugins of one more directory; UsageError if the path is a file, nothing if it does not exist."""
    load_directory(plugins(), Path(plugins_dir))


def load_plugins_from_entry_points() -> None:
    """Add the plugins of installed distributions; those that are there already stay as they are."""
    load_entry_points(plugins())


def plugins_directory() -> Path:
    """Return the plugins directory: CLERK_PLUGINS_DIR, set or in `.env`, else `plugins`."""
    return Path(early_setting("CLERK_PLUGINS_DIR") or DEFAULT_DIRECTORY).expanduser()


def use_plugins_directory(directory: str | None) -> None:
    """Make this process, and those that it starts, take plugins from `directory`; None keeps what is configured.

    Raises UsageError if it is something else than a directory.
    """
    if directory is not None:
        chosen = os.path.abspath(directory)  # noqa: PTH100 - Path.resolve would follow links
        if chosen != os.environ.get("CLERK_PLUGINS_DIR"):
            os.environ["CLERK_PLUGINS_DIR"] = chosen
            forget_plugins()
    found = plugins_directory()
    is_default = str(found) == DEFAULT_DIRECTORY
    named = directory or (DEFAULT_DIRECTORY if is_default else f"{found} (CLERK_PLUGINS_DIR)")
    if not found.exists() and not is_default:
        log.warning("plugins directory %s does not exist; no plugins are loaded from it", named)
    elif found.exists() and not found.is_dir():
        raise UsageError(f"plugins directory {named} is not a directory: name a folder, or leave it out")
    require_directory(found)


@part
def _plugin_set() -> PluginSet:
    return PluginSet()
