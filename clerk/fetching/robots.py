"""Obey robots.txt: which addresses may be fetched, and how slowly."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from protego import Protego

from clerk.fetching.http_errors import NotServed

#: Our name in robots.txt.
NAME = "clerk-tasks"

#: How many characters of robots.txt are read (RFC 9309).
LONGEST = 500 * 1024

#: The longest pause between two requests that a site may ask for, in seconds.
LONGEST_DELAY = 10.0


class Robots:
    """The rules of every host that was asked so far; `fetch` returns the text at an address."""

    def __init__(self, fetch: Callable[[str], str]) -> None:
        self._fetch = fetch
        self._rules: dict[str, Protego] = {}

    def require(self, url: str) -> None:
        """Raise NotServed if the host's robots.txt forbids the address; Trouble if it cannot be read now."""
        if not self._of(url).can_fetch(url, NAME):
            raise NotServed(
                f'robots.txt of {urlsplit(url).netloc} forbids this address; set "ignore_robots": true in '
                "the site's extra if its owner agrees"
            )

    def delay(self, url: str) -> float:
        """Return the pause between requests that the host asks for in seconds, else 0."""
        rules = self._rules.get(_origin(url))
        return min(float(rules.crawl_delay(NAME) or 0), LONGEST_DELAY) if rules else 0.0

    def _of(self, url: str) -> Protego:
        origin = _origin(url)
        if origin not in self._rules:
            try:
                text = self._fetch(f"{origin}/robots.txt")
            except NotServed:  # no rules (RFC 9309); after an error of the server, try again later
                text = ""
            self._rules[origin] = Protego.parse(text.removeprefix("\ufeff")[:LONGEST])
        return self._rules[origin]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
