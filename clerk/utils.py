"""Names that today's plugins import from here, resolved when somebody asks for them."""

from typing import Any

import pluggy


def get_plugin_manager() -> pluggy.PluginManager:
    """Return the one plugin manager, with every plugin loaded."""
    from clerk.plugin_loader import plugin_manager

    return plugin_manager()


def discover_entry_point_plugins() -> None:
    """Load the plugins of installed distributions; calling it again does nothing."""
    from clerk.plugin_loader import load_plugins_from_entry_points

    load_plugins_from_entry_points()


def __getattr__(name: str) -> Any:
    """Resolve `pm` (the plugin manager) and `STORAGE_DIR` (text, from the settings)."""
    if name == "pm":
        return get_plugin_manager()
    if name == "STORAGE_DIR":
        from clerk.settings import settings

        return str(settings().storage_dir)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
