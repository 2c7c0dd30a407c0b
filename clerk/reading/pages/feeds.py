"""Atom feeds of new documents: of a city, and of any search, which a reader saves by its address."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from typing import Any
from xml.etree import ElementTree as ET

from datasette.database import QueryInterrupted  # type: ignore[import-untyped]

from clerk.reading.addresses import address
from clerk.reading.pages.data import Row, cities, city, rows
from clerk.reading.pages.search import PageSearch
from clerk.reading.pages.web import missing_page, page, tagged
from clerk.reading.published import INDEX_NAME

#: The newest documents of a feed.
_ENTRIES = 50

_NAMESPACE = "http://www.w3.org/2005/Atom"

#: Characters that XML cannot hold.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_NEWEST = f"ORDER BY first_published DESC, date DESC, document_id DESC LIMIT {_ENTRIES}"
_SUMMARY = "(SELECT substr(text, 1, 400) FROM pages p WHERE p.document_id = d.document_id ORDER BY page LIMIT 1)"
_OF_CITY = f"SELECT d.*, {_SUMMARY} AS summary FROM documents d WHERE subdomain = :city {_NEWEST}"  # noqa: S608
_OF_SEARCH = f"""
SELECT d.*, {_SUMMARY} AS summary FROM documents d
WHERE (:city = '' OR subdomain = :city) AND (:kind = '' OR kind = :kind) AND document_id IN (
    SELECT p.document_id FROM pages_fts JOIN pages p ON p.page_id = pages_fts.rowid WHERE pages_fts MATCH :question
) {_NEWEST}"""  # noqa: S608


@page
async def of_city(datasette: Any, request: Any, subdomain: str) -> Any:
    """Return the newest documents of a city."""
    place = await city(datasette, subdomain)
    found = await rows(datasette, INDEX_NAME, _OF_CITY, {"city": subdomain})
    title = f"{place['title']}: new agendas and minutes"
    return _feed(datasette, request, title, address("city", subdomain), found, {subdomain: place["title"]})


@page
async def of_search(datasette: Any, request: Any) -> Any:
    """Return the newest documents in which a search finds something."""
    search = PageSearch.of(request)
    if not search.text:
        raise missing_page("Say what to search for: ?q=…")
    parameters = {key: value for key, value in search.parameters.items() if key in ("city", "kind", "question")}
    try:
        found = await rows(datasette, INDEX_NAME, _OF_SEARCH, parameters)
    except (QueryInterrupted, sqlite3.OperationalError):
        raise missing_page("This cannot be searched for: use other words.") from None
    titles = {place["subdomain"]: place["title"] for place in await cities(datasette)}
    where = titles.get(search.city, search.city) if search.city else "all cities"
    path = address("search", q=search.text, city=search.city, kind=search.kind)
    return _feed(datasette, request, f"“{search.text}” in {where}", path, found, titles)


def _feed(datasette: Any, request: Any, title: str, path: str, documents: Iterable[Row], titles: dict[str, str]) -> Any:
    def absolute(target: str) -> str:
        return str(datasette.absolute_url(request, str(datasette.urls.path(target))))

    documents = list(documents)
    feed = ET.Element("feed", xmlns=_NAMESPACE)
    _add(feed, "title", title)
    _add(feed, "id", f"tag:clerk-tasks,2026:{path}")
    _add(feed, "updated", max((row["changed_at"] for row in documents), default="1970-01-01T00:00:00+00:00"))
    _add(ET.SubElement(feed, "author"), "name", "clerk-tasks")
    ET.SubElement(feed, "link", rel="alternate", type="text/html", href=absolute(path))
    here = f"{request.path}?{request.query_string}" if request.query_string else request.path
    ET.SubElement(
        feed, "link", rel="self", type="application/atom+xml", href=str(datasette.absolute_url(request, here))
    )
    for row in documents:
        place = address("city", row["subdomain"], row["kind"], row["meeting"], row["stem"])
        entry = ET.SubElement(feed, "entry")
        city_title = titles.get(row["subdomain"], row["subdomain"])
        _add(entry, "title", f"{city_title}: {row['body']}, {row['title'] or row['kind']}, {row['date']}")
        _add(entry, "id", f"tag:clerk-tasks,2026:{place}")
        _add(entry, "published", row["first_published"])
        _add(entry, "updated", row["changed_at"])
        ET.SubElement(entry, "link", rel="alternate", type="text/html", href=absolute(place))
        _add(entry, "summary", row["summary"] or "")
    text = '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(feed, encoding="unicode")
    return tagged(request, text, "application/atom+xml; charset=utf-8")


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = _FORBIDDEN.sub("", text)
