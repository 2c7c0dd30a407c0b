"""Visiting other people's servers politely: limits, pauses, retries, and asking only for what has changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from clerk.application import part
from clerk.fetching.http_errors import NotServed, Trouble, check
from clerk.fetching.response_body import limited, pdf_only, whole
from clerk.fetching.robots import NAME, Robots
from clerk.version import __version__

if TYPE_CHECKING:
    import ssl

    from tenacity import RetryCallState

__all__ = ["Limits", "NotServed", "Stamp", "Trouble", "Visitor"]

#: So many redirects lead in a circle.
REDIRECTS = 10

Stream = Callable[..., "AbstractContextManager[httpx.Response]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one visit may cost: sizes in bytes, times in seconds."""

    size: int = 200 * 1024**2
    total_time: float = 300.0
    silence: float = 30.0  # the longest without a byte
    attempts: int = 3
    patience: float = 1.0  # before the second attempt, about; doubled before each further one
    longest_wait: float = 60.0  # asked to wait longer, we give up and pass on for how long
    pause: float = 0.5  # between two requests to one host


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a server says identifies this version of a file; None where it says nothing."""

    etag: str | None = None
    last_modified: str | None = None

    def headers(self) -> dict[str, str]:
        """Return the headers that ask for the file only if it has changed."""
        asked = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in asked.items() if value}


class Visitor:
    """Makes one request at a time, with a pause between two to the same host; TLS is verified.

    `stream` is what makes a request: by default httpx's function, else that of a client, which keeps cookies.
    `robots` obeys robots.txt. `sleep` lets seconds pass.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        stream: Stream | None = None,
        headers: Mapping[str, str] | None = None,
        robots: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.limits = limits or Limits()
        self._stream = stream
        self._headers = {"User-Agent": user_agent(), **(headers or {})}
        self._robots = Robots(lambda url: self._attempt("GET", url, obey=False).text) if robots else None
        self._sleep = sleep
        self._answered: dict[str, float] = {}  # host -> when it did last, monotonic

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Return the whole answer to a request with httpx's options, if it is a success.

        Raises Trouble if it failed after some attempts; NotServed if asking again would not help.
        """
        _require_address(url)
        response: httpx.Response = self._retrying(self._attempt, method, url, **options)
        return response

    def download(
        self, url: str, target: Path, *, known: Stamp | None = None, headers: Mapping[str, str] | None = None
    ) -> Stamp | None:
        """Write the PDF at `url` to `target`; None if it is still the one that `known` describes.

        Raises Trouble and NotServed as `request` does; something else than a PDF is NotServed.
        """
        _require_address(url)
        known = known or Stamp()
        asked = {**(headers or {}), **known.headers()}
        stamp: Stamp | None = self._retrying(self._download, url, target, headers=asked, conditional=known != Stamp())
        return stamp

    def _retrying(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        def worth_it(error: BaseException) -> bool:
            return isinstance(error, Trouble) and (error.after or 0) <= self.limits.longest_wait

        retrying = Retrying(
            retry=retry_if_exception(worth_it),
            stop=stop_after_attempt(self.limits.attempts),
            wait=self._wait,
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(function, *arguments, **options)

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Trouble) and error.after is not None:
            return error.after
        return wait_random_exponential(multiplier=self.limits.patience, max=self.limits.longest_wait)(state)

    def _attempt(self, method: str, url: str, *, obey: bool = True, **options: Any) -> httpx.Response:
        with self._open(method, url, obey=obey, **options) as response:
            answer = whole(response, self._body(response))
        check(answer)
        return answer

    def _download(self, url: str, target: Path, *, headers: Mapping[str, str], conditional: bool) -> Stamp | None:
        with self._open("GET", url, headers=headers) as response:
            if response.status_code == 304 and conditional:
                return None
            check(response)
            with target.open("wb") as file:
                file.writelines(pdf_only(self._body(response)))
            return Stamp(response.headers.get("etag"), response.headers.get("last-modified"))

    @contextmanager
    def _open(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, obey: bool = True, **options: Any
    ) -> Iterator[httpx.Response]:
        """Open an answer, wherever redirects lead: every host on the way is asked for leave, and given its pause."""
        request = {**options, "headers": {**self._headers, **(headers or {})}}
        for _ in range(REDIRECTS):
            with self._step(method, url, obey=obey, **request) as response:
                following = response.next_request
                if following is None:
                    yield response
                    return
            method, url = following.method, str(following.url)
            request = {"headers": following.headers, "content": following.read()}
        raise NotServed(f"more than {REDIRECTS} redirects")

    @contextmanager
    def _step(self, method: str, url: str, *, obey: bool, **options: Any) -> Iterator[httpx.Response]:
        if self._robots and obey:
            self._robots.require(url)
        stream = self._stream or partial(httpx.stream, verify=_tls())
        self._pause(url)
        try:
            with stream(method, url, timeout=self.limits.silence, **options) as response:
                yield response
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise NotServed(str(error)) from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise NotServed(f"its TLS certificate is not to be trusted: {error}") from None
            raise Trouble(f"{type(error).__name__}: {error}") from None
        finally:
            self._answered[_host(url)] = time.monotonic()

    def _body(self, response: httpx.Response) -> Iterator[bytes]:
        return limited(response.iter_bytes(), size=self.limits.size, seconds=self.limits.total_time)

    def _pause(self, url: str) -> None:
        before = self._answered.get(_host(url))
        if before is not None:
            pause = max(self.limits.pause, self._robots.delay(url) if self._robots else 0.0)
            rest = before + pause - time.monotonic()
            if rest > 0:
                self._sleep(rest)


def user_agent() -> str:
    """Return what we call ourselves."""
    return f"{NAME}/{__version__} (public meeting records)"


@part
def _tls() -> ssl.SSLContext:
    """Read the certificate authorities once, which takes longer than a request."""
    return httpx.create_ssl_context()


def _require_address(url: str) -> None:
    """Raise NotServed for what a page may hold in the place of an address."""
    try:
        parts = urlsplit(url)
        complete = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        complete = False
    if not complete:
        raise NotServed(f"{url[:200]!r} is no address of a document")


def _host(url: str) -> str:
    return urlsplit(url).netloc
