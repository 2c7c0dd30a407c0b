"""The command line, under the names that today's plugins import: `cli` is the Typer app, `main` runs it."""

from importlib import import_module
from typing import Any

from clerk.providers import port

#: What else is imported from here, and where it is.
_ELSEWHERE = {
    "JsonFormatter": "clerk.output",
    "STORAGE_DIR": "clerk.utils",
    "build_db_from_text_internal": "clerk.utils",
    "build_table_from_text": "clerk.utils",
    "configure_logging": "clerk.output",
    "fetch_internal": "clerk.fetcher",
    "pm": "clerk.utils",
    "rebuild_site_fts_internal": "clerk.utils",
    "update_page_count": "clerk.utils",
}


def __getattr__(name: str) -> Any:
    """Resolve a name when it is imported."""
    if name in ("cli", "main"):
        return getattr(port("cli"), name)
    if name in _ELSEWHERE:
        return getattr(import_module(_ELSEWHERE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
