"""The plugin loader under the name that plugins import."""

from clerk.plugin.loader import has_hookimpl_methods, load_plugins_from_directory, load_plugins_from_entry_points

__all__ = ["has_hookimpl_methods", "load_plugins_from_directory", "load_plugins_from_entry_points"]
