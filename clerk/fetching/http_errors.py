"""Errors of requests: those after which another attempt may help, and those after which it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Self

from clerk.errors import ClerkError

if TYPE_CHECKING:
    import httpx

#: Status codes that may pass: time-out, too early, too many requests.
_LATER = frozenset({408, 425, 429})

#: The longest wait that a server may ask for, in seconds: schedules ask again every day.
LONGEST_RETRY_AFTER = 86400.0

_REFUSED = "access refused: it may want a token, or answer browsers only (the site's extra may set user_agent)"
_ABSENT = "not there, or only for browsers (the site's extra may set user_agent)"
MEANINGS = {401: _REFUSED, 403: _REFUSED, 404: _ABSENT, 410: "no longer there"}


class Refusal(ClerkError):
    """A request failed; `response` is the server's answer, None where there was none."""

    def __init__(self, message: str, *, response: httpx.Response | None = None, after: float | None = None) -> None:
        super().__init__(message)
        self.response = response
        self.after = after

    def of_request(self, method: str, url: str) -> Self:
        """Return the same error, whose message names the request."""
        return type(self)(f"{self}: {method} {url:.200}", response=self.response, after=self.after)


class Trouble(Refusal):
    """Another attempt may succeed; `after` is how many seconds the server asks us to wait."""


class NotServed(Refusal):
    """Another attempt would not help."""


class TooLarge(NotServed):
    """The file is larger than allowed."""


def check(response: httpx.Response, meanings: Mapping[int, str] = MEANINGS) -> None:
    """Raise Trouble or NotServed unless the answer is a success; `meanings` explains status codes."""
    code = response.status_code
    if code in _LATER or code >= 500:
        raise Trouble(f"HTTP {code}", after=retry_after(response), response=response)
    if not 200 <= code < 300:
        raise NotServed(f"HTTP {code}: {meanings.get(code, 'not served')}", response=response)


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds to wait that the answer asks for, given in seconds or as a date; None if it does not.

    No more than LONGEST_RETRY_AFTER.
    """
    text = response.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return min(float(text), LONGEST_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(0.0, (aware - datetime.now(UTC)).total_seconds()), LONGEST_RETRY_AFTER)
