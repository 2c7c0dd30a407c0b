"""Names that today's plugins import from here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from clerk.compilation.compile import compile_meetings, count_pages
from clerk.database.migrate import upgrade
from clerk.database.transactions import get_civic_db, transaction
from clerk.jobs import current_job
from clerk.meetings.site import layout_of
from clerk.plugin.loader import load_plugins_from_entry_points, plugin_manager
from clerk.settings import settings
from clerk.sites.rows import update_site

if TYPE_CHECKING:
    from sqlalchemy import Engine

#: What is imported from here, and where it is.
_ELSEWHERE = {
    "MeetingDateGroup": "clerk.compilation.pages",
    "PageFile": "clerk.compilation.pages",
    "build_table_from_text": "clerk.compilation.compile",
    "collect_page_files": "clerk.compilation.pages",
    "create_meetings_schema": "clerk.compilation.compile",
    "group_pages_by_meeting_date": "clerk.compilation.pages",
    "hash_text_content": "clerk.compilation.pages",
}


get_plugin_manager = plugin_manager
discover_entry_point_plugins = load_plugins_from_entry_points


def assert_db_exists() -> Engine:
    """Create the database, or bring it up to date, and return its engine."""
    upgrade()
    return get_civic_db()


def build_db_from_text_internal(subdomain: str) -> None:
    """Compile a site's meetings.db from its text and put it in place as a whole, in a job or by hand."""
    layout = layout_of(subdomain)
    made = compile_meetings(layout.root, subdomain, into=layout.temporary())
    current_job().commit_files({made.path: layout.root / "meetings.db"})


def update_page_count(subdomain: str) -> None:
    """Record how many pages a site's meetings.db has."""
    pages = count_pages(layout_of(subdomain).root / "meetings.db")
    with transaction() as connection:
        update_site(connection, subdomain, {"pages": pages})


def __getattr__(name: str) -> Any:
    """Resolve `pm` (the plugin manager), `STORAGE_DIR` (text, from the settings), and what lives elsewhere."""
    if name == "pm":
        return get_plugin_manager()
    if name == "STORAGE_DIR":
        return str(settings().storage_dir)
    if name in _ELSEWHERE:
        return getattr(import_module(_ELSEWHERE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
