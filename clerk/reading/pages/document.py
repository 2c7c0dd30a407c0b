"""A page of minutes or of an agenda: its text beside its picture, with the way to the city's document."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from clerk.reading.addresses import address, web_address
from clerk.reading.attaching import published_folder
from clerk.reading.pages.data import Row, city, rows, tables
from clerk.reading.pages.passages import CLOSE, OPEN, marked
from clerk.reading.pages.search import PageSearch
from clerk.reading.pages.web import html, missing_page, number, page
from clerk.reading.published import INDEX_NAME, PICTURES

_DOCUMENT = """
SELECT * FROM documents WHERE subdomain = :subdomain AND kind = :kind AND meeting = :meeting AND stem = :stem"""

_PAGE = """
SELECT *, (SELECT MAX(page) FROM pages WHERE document_id = :document AND page < :page) AS before,
       (SELECT MIN(page) FROM pages WHERE document_id = :document AND page > :page) AS after
FROM pages WHERE document_id = :document AND page = :page"""

_KNOWN = ("document_url", "file_url", "meeting_url", "fetched_at", "withdrawn")

_EVIDENCE = "SELECT page.*, document.withdrawn FROM page LEFT JOIN document USING (document_id) WHERE page.id = :id"

_MARKED = """
SELECT highlight(pages_fts, 0, :open, :close) AS text FROM pages_fts
WHERE rowid = :page_id AND pages_fts MATCH :question"""

_OTHERS = """
SELECT kind, meeting, stem, title, pages FROM documents
WHERE subdomain = :subdomain AND meeting = :meeting AND date = :date AND document_id <> :document ORDER BY kind, stem"""


@page
async def view(datasette: Any, request: Any, subdomain: str, kind: str, meeting: str, stem: str, page: str = "") -> Any:
    """Show a page; without its number the document's first."""
    place = await city(datasette, subdomain)
    key = {"subdomain": subdomain, "kind": kind, "meeting": meeting, "stem": stem}
    document = next(iter(await rows(datasette, INDEX_NAME, _DOCUMENT, key)), None)
    if document is None:
        raise missing_page("There is no such document.")
    first = "SELECT MIN(page) AS page FROM pages WHERE document_id = :document"
    wanted = (
        number(page)
        if page
        else (await rows(datasette, INDEX_NAME, first, {"document": document["document_id"]}))[0]["page"]
    )
    keys = {"document": document["document_id"], "page": wanted}
    found = next(iter(await rows(datasette, INDEX_NAME, _PAGE, keys)), None)
    if found is None:
        raise missing_page("The document has no such page.")
    evidence = await _evidence(datasette, place, found["id"])
    files = _files(published_folder(datasette), document, wanted, evidence["file_url"])
    others = {"subdomain": subdomain, "meeting": meeting, "date": document["date"], "document": document["document_id"]}
    return html(
        datasette,
        request,
        "document.html",
        city=place,
        document=document,
        page=found,
        text=await _text(datasette, PageSearch.of(request), found),
        search=PageSearch.of(request),
        evidence=evidence,
        files=files,
        permanent=datasette.absolute_url(
            request, str(datasette.urls.path(address("city", subdomain, kind, meeting, stem, wanted)))
        ),
        original=web_address(evidence.get("document_url")),
        others=await rows(datasette, INDEX_NAME, _OTHERS, others),
    )


async def _evidence(datasette: Any, place: Row, page_id: str) -> Row:
    """Return what the city's database knows of the page; nothing is known in one of an earlier release."""
    database, nothing = place["meetings"], dict.fromkeys(_KNOWN)
    if database is None or "page" not in await tables(datasette, database):
        return nothing
    found = await rows(datasette, database, _EVIDENCE, {"id": page_id})
    return nothing | (found[0] if found else {})


async def _text(datasette: Any, search: PageSearch, found: Row) -> Any:
    """Return the page's text, with the words of the search marked if the reader comes from one."""
    if search.text:
        parameters = {**search.parameters, "page_id": found["page_id"], "open": OPEN, "close": CLOSE}
        try:
            for row in await rows(datasette, INDEX_NAME, _MARKED, parameters):
                return marked(row["text"])
        except sqlite3.OperationalError:
            return found["text"]
    return found["text"]


def _files(folder: Path | None, document: Row, page: int, file_url: str | None) -> dict[str, str | None]:
    """Return the addresses of the picture of the page and of our copy of the document, where they are kept."""
    prefix = () if document["kind"] == "minutes" else ("_agendas",)
    start = (document["subdomain"], *prefix)
    places = {
        "picture": (*start, document["meeting"], document["stem"], f"{page}.png"),
        "own": (*start, "_pdfs", document["meeting"], f"{document['stem']}{Path(file_url or '.pdf').suffix or '.pdf'}"),
    }
    return {
        name: address(PICTURES, *parts) if folder and folder.joinpath(PICTURES, *parts).is_file() else None
        for name, parts in places.items()
    }
