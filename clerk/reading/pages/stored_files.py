"""Hands out the pictures of pages and the documents; nothing else, and nothing that a browser would run."""

from __future__ import annotations

from typing import Any

from datasette.utils.asgi import AsgiFileDownload  # type: ignore[import-untyped]

from clerk.reading.attaching import published_folder
from clerk.reading.pages.web import missing_page, page
from clerk.reading.published import PICTURES

#: What a browser shows; every other file is downloaded.
_SHOWN = {".png": "image/png", ".pdf": "application/pdf"}

_HEADERS = {"content-security-policy": "default-src 'none'", "cache-control": "max-age=3600"}


@page
async def view(datasette: Any, _request: Any, path: str) -> Any:
    """Return a file below static/; hidden files and files outside are not there."""
    folder = published_folder(datasette)
    parts = path.split("/")
    if folder is None or any(part.startswith(".") or not part or set("\\\0") & set(part) for part in parts):
        raise missing_page("There is no such file.")
    base = (folder / PICTURES).resolve()
    file = base.joinpath(*parts).resolve()
    if not file.is_relative_to(base) or not file.is_file():
        raise missing_page("There is no such file.")
    shown = _SHOWN.get(file.suffix.lower())
    return AsgiFileDownload(
        str(file),
        filename=None if shown else "document",
        content_type=shown or "application/octet-stream",
        headers=dict(_HEADERS),
    )
