"""How up to date each city is: when its website was last read completely, and what is missing."""

from __future__ import annotations

from typing import Any

from clerk.reading.pages.data import cities, rows
from clerk.reading.pages.web import html, page
from clerk.reading.published import INDEX_NAME

_PUBLISHED = "SELECT subdomain, kind, published_at FROM databases"


@page
async def view(datasette: Any, request: Any) -> Any:
    """Show a row for each city."""
    published = await rows(datasette, INDEX_NAME, _PUBLISHED)
    times = {(row["subdomain"], row["kind"]): row["published_at"] for row in published}
    found = [
        {**city, "published": {kind: times.get((city["subdomain"], kind)) for kind in ("meetings", "finance")}}
        for city in await cities(datasette)
    ]
    return html(datasette, request, "freshness.html", cities=found)
