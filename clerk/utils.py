"""Names that today's plugins import from here, resolved when somebody asks for them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from sqlalchemy import Engine

#: What is imported from here, and where it is.
ELSEWHERE = {
    "MeetingDateGroup": "clerk.meetings.pages",
    "PageFile": "clerk.meetings.pages",
    "build_table_from_text": "clerk.meetings.compilation",
    "collect_page_files": "clerk.meetings.pages",
    "create_meetings_schema": "clerk.meetings.compilation",
    "group_pages_by_meeting_date": "clerk.meetings.pages",
    "hash_text_content": "clerk.meetings.pages",
}


def get_plugin_manager() -> pluggy.PluginManager:
    """Return the one plugin manager, with every plugin loaded."""
    from clerk.plugin.loader import plugin_manager

    return plugin_manager()


def discover_entry_point_plugins() -> None:
    """Load the plugins of installed distributions; calling it again does nothing."""
    from clerk.plugin.loader import load_plugins_from_entry_points

    load_plugins_from_entry_points()


def assert_db_exists() -> Engine:
    """Create the database, or bring it up to date, and return its engine."""
    from clerk.database.engine import get_civic_db
    from clerk.database.migrate import upgrade

    upgrade()
    return get_civic_db()


def build_db_from_text_internal(subdomain: str) -> None:
    """Compile a site's meetings.db from its text and put it in place as a whole, in a job or by hand."""
    from clerk.jobs import current_job
    from clerk.meetings.compilation import compile_meetings
    from clerk.meetings.site import layout_of

    layout = layout_of(subdomain)
    made = compile_meetings(layout.root, subdomain, into=layout.temporary())
    current_job().commit_files({made.path: layout.root / "meetings.db"})


def update_page_count(subdomain: str) -> None:
    """Record how many pages a site's meetings.db has."""
    from clerk.database.engine import transaction
    from clerk.meetings.compilation import count_pages
    from clerk.meetings.site import layout_of
    from clerk.sites.rows import update_site

    pages = count_pages(layout_of(subdomain).root / "meetings.db")
    with transaction() as connection:
        update_site(connection, subdomain, {"pages": pages})


def __getattr__(name: str) -> Any:
    """Resolve `pm` (the plugin manager), `STORAGE_DIR` (text, from the settings), and what lives elsewhere."""
    if name == "pm":
        return get_plugin_manager()
    if name == "STORAGE_DIR":
        from clerk.settings import settings

        return str(settings().storage_dir)
    if name in ELSEWHERE:
        return getattr(import_module(ELSEWHERE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
