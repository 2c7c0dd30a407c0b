"""The styles and the script of the pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clerk.reading.pages.web import missing_page, page, tagged

_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


@page
async def view(_datasette: Any, request: Any, name: str) -> Any:
    """Return a file of clerk/reading/assets."""
    file = Path(__file__).parents[1] / "assets" / name
    if file.suffix not in _TYPES or not file.is_file():
        raise missing_page("There is no such file.")
    return tagged(request, file.read_text(encoding="utf-8"), _TYPES[file.suffix])
