"""The plugin loader under the name that plugins import."""

from clerk.plugin.loader import has_hookimpl_methods, load_plugins_from_directory, load_plugins_from_entry_points

__all__ = [
    "discover_entry_point_plugins",
    "has_hookimpl_methods",
    "load_plugins_from_directory",
    "load_plugins_from_entry_points",
]

discover_entry_point_plugins = load_plugins_from_entry_points
