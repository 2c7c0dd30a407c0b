"""The Datasette plugin for readers; it does nothing unless the configuration names it, as our datasette.yaml does."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from datasette import (  # type: ignore[import-untyped]
    handle_exception,
    hookimpl,
)

from clerk.reading.amounts import amount_cell
from clerk.reading.attaching import Attached, attached, begun, published_folder
from clerk.reading.evidence import evidence_link
from clerk.reading.pages import assets, city, committee, document, feeds, filing, freshness, front, search, stored_files

#: Datasette's own pages have scripts in them, which these keep from loading anything from elsewhere.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

Asgi = Callable[..., Awaitable[None]]


@hookimpl  # type: ignore[untyped-decorator]
def startup(datasette: Any) -> None:
    """Attach the published databases."""
    if _follow(datasette):
        # With rich, an address that does not exist would take a second, and print every variable.
        handle_exception.rich = None


@hookimpl  # type: ignore[untyped-decorator]
def get_metadata(datasette: Any, key: str | None, database: str | None) -> dict[str, Any]:
    """Return what datasette.yaml says now of a database: Datasette 0.65 asks for it at each page."""
    served = begun(datasette)
    known = served.configuration.get("databases", {}) if served else {}
    if database is None:
        return {"databases": known}
    found = known.get(database, {})
    if key == "tables":  # it looks for permissions and facets, and copies the answer for each of the tables
        tables = {
            name: {"facets": said["facets"]} for name, said in found.get("tables", {}).items() if "facets" in said
        }
        found = {"tables": tables}
    return {"databases": {database: found}}


@hookimpl  # type: ignore[untyped-decorator]
def render_cell(datasette: Any, row: Any, value: Any, column: str, database: str) -> Any:
    """Show amounts with two decimals; lead from a cell of a finance database to the filing, and to the source's row."""
    served = attached(datasette)
    subdomain = served.subdomains.get(database) if served else None
    if not subdomain or value is None:
        return None
    amount = amount_cell(column, value)
    return amount or (evidence_link(datasette, subdomain, database, row, column, value) if value else None)


@hookimpl  # type: ignore[untyped-decorator]
def register_routes(datasette: Any) -> list[tuple[str, Any]]:
    """Return the addresses of the pages."""
    if published_folder(datasette) is None:
        return []
    place = r"/(?P<subdomain>[a-z0-9.-]+)"
    paper = rf"^/city{place}/(?P<kind>minutes|agenda)/(?P<meeting>[^/]+)/(?P<stem>[^/]+)"
    return [
        (r"^/$", front.view),
        (r"^/search$", search.view),
        (r"^/search\.atom$", feeds.of_search),
        (r"^/freshness$", freshness.view),
        (rf"^/city{place}$", city.view),
        (rf"^/city{place}/feed\.atom$", feeds.of_city),
        (rf"^/city{place}/committee/(?P<committee_id>[^/]+)$", committee.view),
        (rf"^/city{place}/filing/(?P<filing_id>[^/]+)$", filing.view),
        (rf"{paper}$", document.view),
        (rf"{paper}/(?P<page>[0-9]+)$", document.view),
        (r"^/static/(?P<path>.+)$", stored_files.view),
        (r"^/-/reading/(?P<name>[a-z.]+)$", assets.view),
    ]


@hookimpl  # type: ignore[untyped-decorator]
def menu_links(datasette: Any) -> list[dict[str, str]]:
    """Return the links of Datasette's menu to our pages."""
    if published_folder(datasette) is None:
        return []
    links = (("/", "All cities"), ("/search", "Search all cities"), ("/freshness", "Freshness"))
    return [{"href": str(datasette.urls.path(path)), "label": label} for path, label in links]


@hookimpl  # type: ignore[untyped-decorator]
def extra_css_urls(datasette: Any) -> list[str]:
    """Return the style of Datasette's own pages: a column of text is wide."""
    return [] if published_folder(datasette) is None else [str(datasette.urls.path("/-/reading/tables.css"))]


@hookimpl  # type: ignore[untyped-decorator]
def asgi_wrapper(datasette: Any) -> Callable[[Asgi], Asgi]:
    """Follow publications, and give every response the headers of a page that runs nothing of a city's."""

    def wrap(app: Asgi) -> Asgi:
        async def wrapped(scope: dict[str, Any], receive: Any, send: Any) -> None:
            served = _follow(datasette) if scope["type"] == "http" else None
            if served is None:
                await app(scope, receive, send)
                return
            name, table = _place(datasette, scope["path"])
            if served.attach(name):
                await served.announce(name, table)

            async def send_with_headers(event: dict[str, Any]) -> None:
                if event["type"] == "http.response.start":
                    event = {**event, "headers": _with_headers(event.get("headers", []))}
                await send(event)

            await app(scope, receive, send_with_headers)

        return wrapped

    return wrap


def _with_headers(headers: Any) -> list[tuple[bytes, bytes]]:
    given = [(bytes(name).lower(), bytes(value)) for name, value in headers]
    names = {name for name, _ in given}
    ours = {
        b"content-security-policy": POLICY.encode(),
        b"x-content-type-options": b"nosniff",
        b"referrer-policy": b"same-origin",
    }
    return [*given, *((name, value) for name, value in ours.items() if name not in names)]


def _follow(datasette: Any) -> Attached | None:
    found = attached(datasette)
    if found:
        found.follow()
    return found


def _place(datasette: Any, path: str) -> tuple[str, str]:
    """Return the parts of an address where Datasette's own pages have the names of a database and of a table."""
    match = re.match(r"/?([a-z0-9-]+)(?:/(\w+))?", path.removeprefix(datasette.setting("base_url")))
    return (match[1], match[2] or "") if match else ("", "")
