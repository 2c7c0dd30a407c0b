"""A city's first page: its last meetings, how fresh it is, and its campaign money."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from clerk.reading.pages.charts import HEIGHT
from clerk.reading.pages.data import Row, city, rows
from clerk.reading.pages.money import figures
from clerk.reading.pages.search import PageSearch
from clerk.reading.pages.web import html, page
from clerk.reading.published import INDEX_NAME

_MEETINGS = 12

_NEWEST = """
SELECT kind, meeting, body, stem, date, title, pages FROM documents WHERE subdomain = :city
ORDER BY date DESC, meeting, kind, stem LIMIT 100"""

_SOURCES = "SELECT year, status, fetched_at, url FROM sources ORDER BY year DESC, fetched_at DESC LIMIT 30"


@page
async def view(datasette: Any, request: Any, subdomain: str) -> Any:
    """Show the page of a city."""
    place = await city(datasette, subdomain)
    documents = await rows(datasette, INDEX_NAME, _NEWEST, {"city": subdomain})
    sources = await rows(datasette, place["finance"], _SOURCES) if place["finance"] else []
    return html(
        datasette,
        request,
        "city.html",
        city=place,
        search=PageSearch("", city=subdomain),
        meetings=_meetings(documents),
        figures=await figures(datasette, place),
        sources=sources,
        height=HEIGHT,
    )


def _meetings(documents: list[Row]) -> list[Row]:
    """Group documents by meeting: the newest first."""
    found = [
        {"date": date, "body": body, "documents": list(of_meeting)}
        for (date, _, body), of_meeting in groupby(documents, lambda row: (row["date"], row["meeting"], row["body"]))
    ]
    return found[:_MEETINGS]
