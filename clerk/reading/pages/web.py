"""What every page has in common: who may see it, its template, its headers, its addresses."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from datasette.utils.asgi import Forbidden, NotFound, Response  # type: ignore[import-untyped]
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from clerk.reading.addresses import address, web_address

#: Our own pages load nothing from elsewhere and run no script but ours: what a city wrote cannot run.
STRICT_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

View = Callable[..., Awaitable[Any]]


def page(view: View) -> View:
    """Turn a function of (datasette, request, parts of the address) into a view that checks the permission first."""

    async def checked(datasette: Any, request: Any) -> Any:
        if not await _allowed(datasette, request):
            raise Forbidden("view-instance")
        return await view(datasette, request, **{key: unquote(text) for key, text in request.url_vars.items()})

    return checked


async def _allowed(datasette: Any, request: Any) -> bool:
    if hasattr(datasette, "allowed"):  # Datasette 1.0
        return bool(await datasette.allowed(action="view-instance", actor=request.actor))
    return bool(await datasette.permission_allowed(request.actor, "view-instance", default=True))


def html(datasette: Any, request: Any, template: str, **context: Any) -> Any:
    """Return a page made of a template; everything in it is escaped."""
    path = datasette.urls.path
    text = (
        _environment()
        .get_template(template)
        .render(
            **context,
            url=lambda *parts, **query: str(path(address(*parts, **query))),
            link=lambda target: str(path(target)),
            here=str(path(request.path)),
        )
    )
    return tagged(request, text, "text/html; charset=utf-8", {"content-security-policy": STRICT_POLICY})


def tagged(request: Any, text: str, content_type: str, headers: Mapping[str, str] | None = None) -> Any:
    """Return a response with an ETag, or 304 if the reader has it already."""
    tag = f'"{sha256(text.encode()).hexdigest()[:32]}"'
    headers = {**(headers or {}), "etag": tag, "cache-control": "no-cache"}
    if tag in request.headers.get("if-none-match", ""):
        return Response("", status=304, headers=headers, content_type=content_type)
    return Response(text, headers=headers, content_type=content_type)


def missing_page(what: str) -> Exception:
    """Return the exception that shows that there is no such page."""
    return NotFound(what)  # type: ignore[no-any-return]


def dollars(value: float | None) -> str:
    """Return an amount with two decimals, a minus before the dollar sign; nothing without one."""
    return "" if value is None else f"{'-' if value < 0 else ''}${abs(value):,.2f}"


def number(value: object) -> int:
    """Return a parameter as a whole number from 1 to a million; anything else is 1."""
    text = str(value or "")
    return min(int(text), 1_000_000) or 1 if re.fullmatch(r"[0-9]{1,9}", text) else 1


@cache
def _environment() -> Environment:
    folder = Path(__file__).parent / "templates"
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"dollars": dollars, "web_address": web_address}
    return environment
