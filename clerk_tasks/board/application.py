"""The board as an ASGI application: pages, their JSON twins, their updates, the search and the acts."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from anyio import to_thread
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from clerk.errors import ClerkError, ConflictError, NotFoundError, UnavailableError, UsageError
from clerk.redaction import redact
from clerk.settings import settings
from clerk.visible import visible_json
from clerk_tasks.board.access import Access, Denied, Person
from clerk_tasks.board.act_pages import ActPages
from clerk_tasks.board.forms import Forms
from clerk_tasks.board.guard import Guard
from clerk_tasks.board.live import Live, View
from clerk_tasks.board.metrics import metrics
from clerk_tasks.board.pages import PAGES, OwnPage
from clerk_tasks.board.parts import Asked, PageAnswer, address
from clerk_tasks.board.rendering import answer_html, answer_json, templates
from clerk_tasks.operations.search import find

logger = logging.getLogger(__name__)

_STATUS: tuple[tuple[type[ClerkError], int], ...] = (
    (NotFoundError, 404),
    (UsageError, 400),
    (ConflictError, 409),
    (UnavailableError, 503),
)
#: The most bytes of a form.
_MOST_BYTES = 1 << 20


def status_of(error: Exception) -> int:
    """Return the HTTP status of an error."""
    if isinstance(error, Denied | HTTPException):
        return error.status if isinstance(error, Denied) else error.status_code
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def make_board(access: Access) -> Guard:
    """Return the application."""
    board = _Board(access)
    routes: list[Route | Mount] = [
        Mount("/static", StaticFiles(directory=Path(__file__).with_name("static"))),
        Route("/live", board.live),
        Route("/metrics", metrics),
        Route("/search", board.search),
        Route("/act/{act}", board.acts.preview, methods=["GET"]),
        Route("/act/{act}", board.acts.perform, methods=["POST"]),
        *(Route(f"/json{page.path}", board.twin(page)) for page in PAGES),
        *(Route(page.path, board.page(page)) for page in PAGES),
    ]
    handlers: Any = dict.fromkeys((ClerkError, Denied, HTTPException, Exception), board.failed)
    return Guard(Starlette(routes=routes, exception_handlers=handlers, max_body_size=_MOST_BYTES), access)


class _Board:
    def __init__(self, access: Access) -> None:
        self._access = access
        self.updates = Live(self._render)
        self.acts = ActPages(Forms(), access.banner)

    def page(self, page: OwnPage) -> Callable[[Request], Any]:
        """Return what serves a page."""

        async def serve(request: Request) -> Response:
            return await to_thread.run_sync(self._page, page, request)

        return serve

    def twin(self, page: OwnPage) -> Callable[[Request], Any]:
        """Return what serves a page's JSON."""

        async def serve(request: Request) -> Response:
            answer = await to_thread.run_sync(page.read, _asked(request.path_params, request.query_params))
            return Response(answer_json(answer), media_type="application/json")

        return serve

    def _page(self, page: OwnPage, request: Request) -> Response:
        person: Person = request.state.person
        answer = page.read(_asked(request.path_params, request.query_params))
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        html = templates().get_template("page.html")
        text = html.render(
            title=answer.title or page.name,
            here=request.url.path,
            banner=self._access.banner,
            user=person.name if person.can_act else None,
            answer=answer,
            content=answer_html(answer, page, can_act=person.can_act),
            live=f"/live?{urlencode({'page': here})}",
            twin=f"/json{here}",
        )
        return HTMLResponse(text)

    async def live(self, request: Request) -> Response:
        """Stream a page's updates."""
        person: Person = request.state.person
        view = (request.query_params.get("page", "/"), person.can_act)
        _find_page(view[0])

        async def events() -> AsyncIterator[ServerSentEvent]:
            async for html in self.updates.watch(view):
                yield ServerSentEvent(data=html)

        return EventSourceResponse(events(), ping=15)

    def _render(self, view: View) -> str:
        """Render a page for all that look at it: what is wrong with it must not end the updates of the others."""
        place, can_act = view
        page, names, query = _find_page(place)
        try:
            return answer_html(page.read(_asked(names, query)), page, can_act=can_act)
        except ClerkError as error:
            said = str(error)
        except Exception as error:
            logger.exception("page %s cannot be rendered", place)
            said = _message(error)
        return answer_html(PageAnswer(said, "", None, level="down"), page, can_act=can_act)

    async def search(self, request: Request) -> Response:
        """Go to the site, job or run that is named."""
        text = request.query_params.get("q", "").strip()
        kind, name = await to_thread.run_sync(find, text)
        places = {"job": "/jobs", "run": "/runs", "site": "/sites"}
        where = address(places[kind], name) if kind else address("/sites", name=text)
        return RedirectResponse(where, 303)

    async def failed(self, request: Request, error: Exception) -> Response:
        """Answer with an error in a line, as HTML or as JSON."""
        status = status_of(error)
        text = redact(_message(error))
        if request.url.path.startswith("/json"):
            return Response(visible_json({"error": text}, indent=None), status, media_type="application/json")
        html = templates().get_template("error.html").render(
            title="Not found" if status == 404 else "It did not work",
            here="",
            banner=self._access.banner,
            user=None,
            level="down" if status >= 500 else "attention",
            sentence=text,
            back=None,
        )  # fmt: skip
        return HTMLResponse(html, status)


def _message(error: Exception) -> str:
    if isinstance(error, HTTPException):
        return str(error.detail)
    if isinstance(error, ClerkError | Denied):
        return str(error)
    return f"{type(error).__name__}: {error} (a bug; the board's log shows where)"


def _asked(names: Any, query: QueryParams) -> Asked:
    return Asked(names, query, shows_arguments=settings().board_arguments == "show")


def _find_page(place: str) -> tuple[OwnPage, dict[str, str], QueryParams]:
    """Return the page at an address, and what its path and query name; NotFoundError without one."""
    parts = urlsplit(place)
    for page in PAGES:
        matched, scope = Route(page.path, _find_page).matches({"type": "http", "method": "GET", "path": parts.path})
        if matched.value == 2:
            return page, scope["path_params"], QueryParams(parse_qsl(parts.query))
    raise NotFoundError("There is no such page.")
