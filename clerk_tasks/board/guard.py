"""What stands before every page: who asks is known, and the answer's headers keep other sites out."""

from __future__ import annotations

from email.utils import formatdate

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clerk_tasks.board.access import WINDOW, Access, Denied

#: No script, style, picture or connection but our own; no frame around a page, no form that leads elsewhere.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """Middleware: sets `state["person"]`, or answers itself."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers["date"] = formatdate(usegmt=True)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        client = scope.get("client")
        try:
            person = self._access.admit(Headers(scope=scope), client[0] if client else "")
        except Denied as denied:
            more = {401: {"www-authenticate": 'Basic realm="clerk-tasks board", charset="UTF-8"'}}
            more |= {429: {"retry-after": f"{WINDOW:.0f}"}}
            answer = PlainTextResponse(f"{denied.reason}\n", denied.status, more.get(denied.status))
            await answer(scope, receive, guarded)
            return
        scope.setdefault("state", {})["person"] = person
        await self._app(scope, receive, guarded)
