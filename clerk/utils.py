"""Names that today's plugins import from here."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
import sqlite_utils

from clerk.compilation.compile import count_pages
from clerk.database.migrate import upgrade
from clerk.database.transactions import get_civic_db, transaction
from clerk.fetching.compiling import compile_in_place
from clerk.meetings.site import layout_of
from clerk.output import log
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

#: What a site's feed lists; the RQ-based clerk made it beside `sites`, and no migration knows it.
_FEED_ENTRIES = sa.Table(
    "feed_entries",
    sa.MetaData(),
    *(sa.Column(name, sa.Text) for name in ("subdomain", "date", "kind", "name")),
)

get_plugin_manager = plugin_manager
discover_entry_point_plugins = load_plugins_from_entry_points


@dataclass
class PageData:
    """A page, and what an older program extracted from its text: {"entities": …, "votes": …}."""

    page_id: str
    text: str
    page_file_path: str
    content_hash: str | None
    cached_extraction: dict[str, Any] | None


def assert_db_exists() -> Engine:
    """Create the database, or bring it up to date, with the table `feed_entries`; return its engine."""
    upgrade()
    with transaction() as connection:
        _FEED_ENTRIES.create(connection, checkfirst=True)
    return get_civic_db()


def load_extraction_cache(cache_file: str | Path, expected_hash: str) -> dict[str, Any] | None:
    """Return what was extracted from a text with this hash; None if the file is missing, damaged, or of another."""
    try:
        content = json.loads(Path(cache_file).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    keys = {"content_hash", "entities", "votes"}
    if not isinstance(content, dict) or not keys <= content.keys() or content["content_hash"] != expected_hash:
        return None
    return content


def save_extraction_cache(cache_file: str | Path, data: Mapping[str, Any]) -> None:
    """Write what was extracted from a text; a failure is only logged, since it can be extracted again."""
    try:
        Path(cache_file).write_text(json.dumps(data, indent=2), encoding="utf-8")
    except (OSError, TypeError, ValueError) as error:
        log(f"cannot save {cache_file}: {error}", level="warning")


def rebuild_site_fts_internal(subdomain: str) -> None:
    """Make the full-text search of a site's meetings.db again."""
    with closing(sqlite3.connect(layout_of(subdomain).root / "meetings.db")) as connection:
        database = sqlite_utils.Database(connection)
        for name in ("agendas", "minutes"):
            table = database.table(name)
            if table.detect_fts():
                table.rebuild_fts()
            else:
                table.enable_fts(["text"])
        connection.commit()


def build_db_from_text_internal(subdomain: str) -> None:
    """Compile a site's meetings.db from its text and put it in place as a whole, in a job or by hand."""
    compile_in_place(layout_of(subdomain), subdomain)


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
