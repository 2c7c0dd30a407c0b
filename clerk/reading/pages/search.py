"""The search over all cities: passages with the words marked, each leading to its page."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from datasette.database import QueryInterrupted  # type: ignore[import-untyped]
from datasette.utils import escape_fts  # type: ignore[import-untyped]

from clerk.reading.pages.data import Row, cities, rows
from clerk.reading.pages.passages import CLOSE, OPEN, marked
from clerk.reading.pages.web import html, number, page
from clerk.reading.published import INDEX_NAME

_PER_PAGE = 20

#: The longest question, in characters.
_LONGEST = 400

_FROM = """
FROM pages_fts JOIN pages p ON p.page_id = pages_fts.rowid JOIN documents d ON d.document_id = p.document_id
WHERE pages_fts MATCH :question AND (:city = '' OR d.subdomain = :city) AND (:kind = '' OR d.kind = :kind)"""

_FIND = f"""
SELECT d.subdomain, d.kind, d.meeting, d.body, d.stem, d.date, d.title, d.pages, p.page,
       snippet(pages_fts, 0, :open, :close, '…', 40) AS passage {_FROM}
ORDER BY %s LIMIT :limit OFFSET :offset"""

_ORDERS = {"best": "pages_fts.rank", "newest": "d.date DESC, d.document_id, p.page"}


@dataclass(frozen=True, slots=True)
class PageSearch:
    """What a reader looks for; `city` and `kind` may be empty."""

    text: str
    city: str = ""
    kind: str = ""
    order: str = "best"

    @classmethod
    def of(cls, request: Any) -> PageSearch:
        """Read a search from an address; what is not known counts as not given."""
        given = request.args.get
        kind, order = given("kind") or "", given("order") or "best"
        return cls(
            (given("q") or "").replace("\0", " ").strip()[:_LONGEST],
            given("city") or "",
            kind if kind in ("minutes", "agenda") else "",
            order if order in _ORDERS else "best",
        )

    @property
    def parameters(self) -> dict[str, str]:
        """Return the parameters of a query that begins as `MATCH :question`; words are quoted, so all are allowed."""
        question = escape_fts(self.text)
        return {"question": question, "city": self.city, "kind": self.kind, "open": OPEN, "close": CLOSE}


@page
async def view(datasette: Any, request: Any) -> Any:
    """Show the form, and what was found."""
    search, place = PageSearch.of(request), number(request.args.get("page"))
    known = await cities(datasette)
    found, problem = await _find(datasette, search, place) if search.text else ([], None)
    titles = {city["subdomain"]: city["title"] for city in known}
    return html(
        datasette,
        request,
        "search.html",
        search=search,
        cities=known,
        found=[{**row, "city": titles.get(row["subdomain"], row["subdomain"])} for row in found[:_PER_PAGE]],
        problem=problem,
        place=place,
        is_more=len(found) > _PER_PAGE,
    )


async def _find(datasette: Any, search: PageSearch, place: int) -> tuple[list[Row], str | None]:
    """Return a page of what was found, one more than is shown, and why nothing could be found."""
    limits = {"limit": _PER_PAGE + 1, "offset": (place - 1) * _PER_PAGE}
    try:
        found = await rows(datasette, INDEX_NAME, _FIND % _ORDERS[search.order], {**search.parameters, **limits})
    except QueryInterrupted:
        return [], "These words are on too many pages: add a rarer word, or choose a city."
    except sqlite3.OperationalError:
        return [], "This cannot be searched for: write words, or a phrase in quotation marks."
    return [{**row, "passage": marked(row["passage"])} for row in found], None
