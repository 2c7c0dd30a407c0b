"""Forms that only our own pages can send: a token that belongs to the browser's session (CSRF)."""

from __future__ import annotations

import hmac
import secrets
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from clerk_tasks.board.access import Denied, Person

_COOKIE = "clerk_board"
_FOREIGN = "This form was sent from another site."


class Forms:
    """Makes and checks tokens; those of before a restart are old."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def token(self, session: str) -> str:
        """Return the token of a session."""
        return hmac.digest(self._key, session.encode(), "sha256").hex()

    def session(self, request: Request) -> str:
        """Return the browser's session, a new one if it has none."""
        return request.cookies.get(_COOKIE) or secrets.token_urlsafe(24)

    def remember(self, response: Response, request: Request, session: str) -> None:
        """Set the session's cookie."""
        secure = request.url.scheme == "https"
        response.set_cookie(_COOKIE, session, httponly=True, samesite="strict", path="/", secure=secure)

    def check(self, request: Request, token: str, person: Person) -> None:
        """Raise Denied unless a form comes from one of our pages, or a program sends it with its own token."""
        if not person.can_act:
            raise Denied(403, "This board is read-only.")
        if person.by_token:
            return
        origin = request.headers.get("origin")
        if origin and origin != "null" and urlsplit(origin).netloc != request.headers.get("host"):
            raise Denied(403, _FOREIGN)
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise Denied(403, _FOREIGN)
        session = request.cookies.get(_COOKIE)
        if not session or not hmac.compare_digest(token.encode(), self.token(session).encode()):
            raise Denied(403, "This form is not of this session, or the board was restarted: open it again.")
