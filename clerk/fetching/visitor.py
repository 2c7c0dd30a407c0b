"""Make requests to other people's servers politely: limits, pauses, retries, and downloads only of what has changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_before_delay, wait_random_exponential

from clerk.fetching.addresses import origin
from clerk.fetching.connections import Network
from clerk.fetching.http_errors import MEANINGS, NotServed, Refusal, TooLarge, Trouble, check
from clerk.fetching.response_body import CODINGS, DOCUMENT, FileType, decoded, require_type, whole
from clerk.fetching.robots import NAME, Robots
from clerk.jobs import current_job
from clerk.version import __version__

if TYPE_CHECKING:
    from tenacity import RetryCallState

__all__ = ["FileType", "NotServed", "TooLarge", "Trouble", "Validators", "VisitLimits", "Visitor"]

#: More redirects than this are taken for a circle.
REDIRECTS = 10


#: Headers that are sent to another host after a redirect; the rest, such as API keys, are for the first one only.
_HARMLESS = frozenset(
    {
        *("accept", "accept-encoding", "accept-language", "user-agent"),
        *("content-length", "content-type", "if-modified-since", "if-none-match"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitLimits:
    """Limits of one visit: sizes in bytes, times in seconds."""

    size: int = 200 * 1024**2
    total_time: float = 300.0  # of all attempts together
    silence: float = 30.0  # the longest wait for the next byte
    attempts: int = 3
    patience: float = 1.0  # before the second attempt, about; doubled before each further one
    longest_wait: float = 60.0  # give up if the server asks for a longer wait
    pause: float = 0.5  # between two requests to one host


@dataclass(frozen=True, slots=True)
class Validators:
    """The headers by which a server identifies one version of a file; None where it sent none."""

    etag: str | None = None
    last_modified: str | None = None

    def headers(self) -> dict[str, str]:
        """Return the headers that ask for the file only if it has changed."""
        asked = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in asked.items() if value}


class Visitor:
    """Makes one request at a time, with a pause between two to the same host.

    Private addresses are refused, except the scheme, host and port of the `allowed` addresses and those that
    CLERK_FETCH_PRIVATE_HOSTS allows; with `trusts_first`, also those of its first request. With `session`, connections
    and cookies are kept until `close`. `robots` obeys robots.txt. `meanings` explains HTTP status codes in errors.
    `sleep` waits for a number of seconds, by default as the running job does.
    """

    def __init__(
        self,
        *,
        limits: VisitLimits | None = None,
        allowed: Iterable[str] = (),
        trusts_first: bool = False,
        session: bool = False,
        headers: Mapping[str, str] | None = None,
        robots: bool = False,
        meanings: Mapping[int, str] = MEANINGS,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.limits = limits or VisitLimits()
        self._keep = session
        self._session: httpx.Client | None = None
        self._network = Network(allowed, trusts_first=trusts_first)
        self._headers = {"User-Agent": user_agent(), **(headers or {})}
        self._robots = Robots(lambda url: self._attempt("GET", url, obey=False).text) if robots else None
        self._meanings = meanings
        self._sleep = sleep or (lambda seconds: current_job().wait(seconds))
        self._answered: dict[str, float] = {}  # host -> when its last answer ended, monotonic

    def close(self) -> None:
        """Close the session; later requests open a new one."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Return the whole answer to a request with httpx's options, if it is a success.

        Raises Trouble if every attempt failed; NotServed if another attempt would not help.
        """
        try:
            response: httpx.Response = self._retrying(self._attempt, method, url, **options)
        except Refusal as error:
            raise error.of_request(method, url) from None  # the frames between are no news to the caller
        return response

    def download(
        self,
        url: str,
        target: Path,
        *,
        known: Validators | None = None,
        headers: Mapping[str, str] | None = None,
        expected: FileType = DOCUMENT,
    ) -> Validators | None:
        """Write the file at `url` to `target`; return None if the server says that `known` still describes it.

        Raises Trouble and NotServed as `request` does; NotServed for a file of another type than `expected`.
        """
        known = known or Validators()
        sent = {**(headers or {}), **known.headers()}
        found: Validators | None = self._retrying(
            self._download, url, target, headers=sent, conditional=known != Validators(), expected=expected
        )
        return found

    def _retrying(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        def worth_it(error: BaseException) -> bool:
            return isinstance(error, Trouble) and (error.after or 0) <= self.limits.longest_wait

        self._network.deadline = time.monotonic() + self.limits.total_time
        retrying = Retrying(
            retry=retry_if_exception(worth_it),
            stop=stop_after_attempt(self.limits.attempts) | stop_before_delay(self.limits.total_time),
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
        check(answer, self._meanings)
        return answer

    def _download(
        self, url: str, target: Path, *, headers: Mapping[str, str], conditional: bool, expected: FileType
    ) -> Validators | None:
        with self._open("GET", url, headers=headers) as response:
            if response.status_code == 304 and conditional:
                return None
            check(response, self._meanings)
            with target.open("wb") as file:
                file.writelines(require_type(self._body(response), expected, str(response.url)))
            return Validators(response.headers.get("etag"), response.headers.get("last-modified"))

    @contextmanager
    def _open(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, obey: bool = True, **options: Any
    ) -> Iterator[httpx.Response]:
        """Follow redirects to an answer; robots.txt and the pause of every host on the way are respected."""
        sent = httpx.Headers(self._headers)
        sent.update(headers)
        sent["Accept-Encoding"] = ", ".join(CODINGS)
        request = {**options, "headers": sent}
        for _ in range(REDIRECTS):
            with self._step(method, url, obey=obey, **request) as response:
                following = response.next_request
                if following is None:
                    yield response
                    return
            sent = following.headers
            if origin(url) != origin(str(following.url)):
                sent = httpx.Headers([(name, value) for name, value in sent.multi_items() if name in _HARMLESS])
            method, url = following.method, str(following.url)
            request = {"headers": sent, "content": following.read()}
        raise NotServed(f"more than {REDIRECTS} redirects")

    @contextmanager
    def _step(self, method: str, url: str, *, obey: bool, **options: Any) -> Iterator[httpx.Response]:
        _require_address(url)
        if self._robots and obey:
            self._robots.require(url)
        pause = self._pause(url)
        self._network.prepare(url)
        try:
            with (
                current_job().visiting(_host(url), pause),
                self._client(options.pop("cookies", None)) as client,
                client.stream(method, url, timeout=self.limits.silence, **options) as response,
            ):
                yield response
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise NotServed(str(error)) from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise NotServed(f"its TLS certificate is not trusted: {error}") from None
            late = f"not finished after {self.limits.total_time:g} s" if self._network.expired else ""
            raise Trouble(late or f"{type(error).__name__}: {error}") from None
        finally:
            self._answered[_host(url)] = time.monotonic()

    @contextmanager
    def _client(self, cookies: Any) -> Iterator[httpx.Client]:
        """Return the session's client, else one for a single request."""
        if self._keep:
            self._session = self._session or self._network.client()
            self._session.cookies.update(cookies)
            yield self._session
        else:
            with self._network.client(cookies=cookies) as client:
                yield client

    def _body(self, response: httpx.Response) -> Iterator[bytes]:
        return decoded(response, size=self.limits.size)

    def _pause(self, url: str) -> float:
        """Wait until the pause of our own requests to a host is over; return how long that is, in seconds."""
        current_job().check_host(urlsplit(url).hostname or "")
        pause = max(self.limits.pause, self._robots.delay(url) if self._robots else 0.0)
        before = self._answered.get(_host(url))
        if before is not None and (rest := before + pause - time.monotonic()) > 0:
            self._sleep(rest)
        return pause


def user_agent(purpose: str = "public meeting records") -> str:
    """Return the User-Agent that names this program and what it asks for."""
    return f"{NAME}/{__version__} ({purpose})"


def _require_address(url: str) -> None:
    """Raise NotServed for text that is not an HTTP address, as pages contain."""
    try:
        url.encode()
        parts = urlsplit(url)
        complete = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        complete = False
    if not complete:
        raise NotServed(f"{url[:200]!r} is not an HTTP address")


def _host(url: str) -> str:
    return urlsplit(url).netloc
