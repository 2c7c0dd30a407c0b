"""Getting one file over HTTP, within limits of time, size and type."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.election_finance.archive import LIMITS
from plugins.election_finance.errors import BadSource, NetworkTrouble, NotServed

if TYPE_CHECKING:
    import httpx


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
    total_time: float = 300.0
    size: int = LIMITS.bytes
    attempts: int = 3
    patience: float = 0.5  # how long to wait between attempts, about

    def get(self, url: str, target: Path, known: Stamp | None = None) -> Stamp | None:
        """Write the file at `url` to `target`; None if it is still the one that `known` describes.

        Raises NotServed if there is none, NetworkTrouble if that may change soon, BadSource if it is too large.
        """
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

        retrying = Retrying(
            retry=retry_if_exception_type(NetworkTrouble),
            stop=stop_after_attempt(self.attempts),
            wait=wait_random_exponential(multiplier=self.patience, max=30),
            reraise=True,
        )
        return retrying(self._get, url, target, known or Stamp())

    def _get(self, url: str, target: Path, known: Stamp) -> Stamp | None:
        import httpx

        try:
            with self.client.stream("GET", url, headers=known.headers()) as response:
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
        deadline = time.monotonic() + self.total_time
        received = 0
        with target.open("wb") as file:
            for chunk in response.iter_bytes(1 << 16):
                if received == 0 and chunk[:2] != b"PK":
                    raise NotServed("the server sent something that is no zip file")
                received += len(chunk)
                if received > self.size:
                    raise BadSource(f"more than the {self.size:,} bytes that are allowed")
                if time.monotonic() > deadline:
                    raise NetworkTrouble(f"not finished after {self.total_time:g} s")
                file.write(chunk)
        if received == 0:
            raise NotServed("the server sent an empty file")


def _check(response: httpx.Response) -> None:
    code = response.status_code
    if code == 429 or code >= 500:
        raise NetworkTrouble(f"HTTP {code}")
    if code in (401, 403):
        raise NotServed(f"HTTP {code}: access refused")
    if code != 200:
        raise NotServed(f"HTTP {code}" + (": no such year" if code in (404, 410) else ""))
    if "html" in response.headers.get("content-type", ""):
        raise NotServed("the server sent a web page instead of a file")


def make_client() -> httpx.Client:
    """Return a client that verifies TLS and says who it is; some servers refuse those that do not."""
    import httpx

    from clerk import __version__

    return httpx.Client(
        headers={"User-Agent": f"clerk-tasks/{__version__} (election finance)"},
        timeout=httpx.Timeout(30.0, connect=10.0),
        follow_redirects=True,
        max_redirects=3,
    )
