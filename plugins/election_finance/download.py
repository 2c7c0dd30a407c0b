"""Getting one file over HTTP, within limits of time, size and type."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socket import SHUT_RDWR, socket
from threading import Timer
from typing import TYPE_CHECKING, Any

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_before_delay, wait_random_exponential

from clerk import __version__
from clerk.fetching.http_errors import retry_after
from plugins.election_finance.archive import LIMITS
from plugins.election_finance.errors import BadSource, NetworkTrouble, NotServed

if TYPE_CHECKING:
    from tenacity import RetryCallState

Trace = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a server says identifies this version of a file; empty where it says nothing."""

    etag: str | None = None
    last_modified: str | None = None

    def headers(self) -> dict[str, str]:
        """Return the headers that ask for the file only if it has changed."""
        asked = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in asked.items() if value}


@dataclass(frozen=True, slots=True)
class Downloader:
    """Downloads through one client; every figure is a limit, in seconds or bytes."""

    client: httpx.Client
    total_time: float = 300.0  # of all attempts together
    size: int = LIMITS.bytes
    attempts: int = 3
    patience: float = 0.5  # how long to wait between attempts, about
    longest_wait: float = 60.0  # asked to wait longer, we give up
    sleep: Callable[[float], None] = time.sleep

    def get(self, url: str, target: Path, known: Stamp | None = None) -> Stamp | None:
        """Write the file at `url` to `target`; None if it is still the one that `known` describes.

        Raises NotServed if it does not exist, NetworkTrouble if that may change soon, BadSource if it is too large.
        """

        def worth_it(error: BaseException) -> bool:
            return isinstance(error, NetworkTrouble) and (error.after or 0) <= self.longest_wait

        retrying = Retrying(
            retry=retry_if_exception(worth_it),
            stop=stop_after_attempt(self.attempts) | stop_before_delay(self.total_time),
            wait=self._wait,
            sleep=self.sleep,
            reraise=True,
        )
        return retrying(self._in_time, time.monotonic() + self.total_time, url, target, known or Stamp())

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, NetworkTrouble) and error.after is not None:
            return error.after
        return wait_random_exponential(multiplier=self.patience, max=self.longest_wait)(state)

    def _in_time(self, deadline: float, url: str, target: Path, known: Stamp) -> Stamp | None:
        """Make one attempt; one that is cut short may look like a whole answer, or like any mistake of the server."""
        try:
            return self._get(deadline, url, target, known)
        finally:
            if time.monotonic() >= deadline:
                raise NetworkTrouble(f"not finished after {self.total_time:g} s")

    def _get(self, deadline: float, url: str, target: Path, known: Stamp) -> Stamp | None:
        asked = known.headers()
        try:
            with (
                _cut(deadline) as trace,
                self.client.stream("GET", url, headers=asked, extensions={"trace": trace}) as response,
            ):
                if response.status_code == httpx.codes.NOT_MODIFIED and known != Stamp():
                    return None
                _check(response)
                self._save(response, target)
                return Stamp(response.headers.get("etag"), response.headers.get("last-modified"))
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise NetworkTrouble(f"{type(error).__name__}: {error}") from None
        except (httpx.InvalidURL, httpx.TooManyRedirects) as error:
            raise NotServed(str(error)) from None

    def _save(self, response: httpx.Response, target: Path) -> None:
        received = 0
        with target.open("wb") as file:
            for chunk in response.iter_bytes(1 << 16):
                if received == 0 and chunk[:2] != b"PK":
                    raise NotServed("the server sent something that is no zip file")
                received += len(chunk)
                if received > self.size:
                    raise BadSource(f"more than the {self.size:,} bytes that are allowed")
                file.write(chunk)
        if received == 0:
            raise NotServed("the server sent an empty file")


@contextmanager
def _cut(deadline: float) -> Iterator[Trace]:
    """Cut the connection at a moment, monotonic; httpx's own limits start again with every byte."""
    lines: list[socket] = []

    def cut() -> None:
        for line in lines:
            with suppress(OSError):
                line.shutdown(SHUT_RDWR)

    def trace(event: str, info: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            lines.append(info["return_value"].get_extra_info("socket").dup())  # ours reaches it through TLS, too
            if time.monotonic() >= deadline:
                cut()

    timer = Timer(max(0.0, deadline - time.monotonic()), cut)
    timer.daemon = True
    timer.start()
    try:
        yield trace
    finally:
        timer.cancel()
        timer.join()
        for line in lines:
            line.close()


def _check(response: httpx.Response) -> None:
    code = response.status_code
    if code == 429 or code >= 500:
        raise NetworkTrouble(f"HTTP {code}", after=retry_after(response))
    if code in (401, 403):
        raise NotServed(f"HTTP {code}: access refused")
    if code != 200:
        raise NotServed(f"HTTP {code}" + (": no such year" if code in (404, 410) else ""))
    if "html" in response.headers.get("content-type", ""):
        raise NotServed("the server sent a web page instead of a file")


def make_client() -> httpx.Client:
    """Return a client that verifies TLS and says who it is; some servers refuse those that do not."""
    return httpx.Client(
        headers={"User-Agent": f"clerk-tasks/{__version__} (election finance)"},
        timeout=httpx.Timeout(30.0, connect=10.0),
        limits=httpx.Limits(max_keepalive_connections=0),  # `_cut` has to see every connection being made
        follow_redirects=True,
        max_redirects=3,
    )
