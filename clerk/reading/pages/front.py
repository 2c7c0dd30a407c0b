"""The first page: every city, and a search over all of them."""

from __future__ import annotations

from typing import Any

from clerk.reading.pages.data import cities, rows
from clerk.reading.pages.search import PageSearch
from clerk.reading.pages.web import html, page
from clerk.reading.published import INDEX_NAME

_NEWEST = """
SELECT subdomain, kind, meeting, body, stem, date, title, pages FROM documents
ORDER BY first_published DESC, date DESC, document_id DESC LIMIT 10"""


@page
async def view(datasette: Any, request: Any) -> Any:
    """Show the cities and the newest documents."""
    known = await cities(datasette)
    titles = {city["subdomain"]: city["title"] for city in known}
    newest = await rows(datasette, INDEX_NAME, _NEWEST)
    return html(
        datasette,
        request,
        "front.html",
        cities=known,
        search=PageSearch(""),
        newest=[{**row, "city": titles.get(row["subdomain"], row["subdomain"])} for row in newest],
    )
