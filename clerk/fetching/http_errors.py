"""What a server's answer means: here it is, try again later, or there is nothing to be had."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from clerk.errors import ClerkError

if TYPE_CHECKING:
    import httpx

#: Answers that a later request may not get: time-out, too early, too many requests.
_LATER = frozenset({408, 425, 429})

#: The longest wait that we let a server ask for, in seconds: tomorrow it is asked anyway.
LONGEST_WAIT = 86400.0

_REFUSED = "access refused: it may want a token, or answer browsers only (the site's extra may set user_agent)"
_ADVICE = {
    401: _REFUSED,
    403: _REFUSED,
    404: "not there",
    410: "no longer there",
}


class Refusal(ClerkError):
    """An answer that is not what was asked for, in `response`; None where there was no answer at all."""

    def __init__(self, message: str, *, response: httpx.Response | None = None, after: float | None = None) -> None:
        super().__init__(message)
        self.response = response
        self.after = after


class Trouble(Refusal):
    """No answer, or one that may be better later; `after` is how many seconds the server asks us to wait."""


class NotServed(Refusal):
    """The server has no such document for us, and asking again would not help."""


def check(response: httpx.Response) -> None:
    """Raise Trouble or NotServed unless the answer is a success."""
    code = response.status_code
    if code in _LATER or code >= 500:
        raise Trouble(f"HTTP {code}", after=retry_after(response), response=response)
    if not 200 <= code < 300:
        raise NotServed(f"HTTP {code}: {_ADVICE.get(code, 'not served')}", response=response)


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds to wait that the answer asks for, given in seconds or as a date; None if it does not.

    No more than LONGEST_WAIT.
    """
    text = response.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return min(float(text), LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(0.0, (aware - datetime.now(UTC)).total_seconds()), LONGEST_WAIT)
