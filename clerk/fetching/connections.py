"""The connections of a visitor: TLS is verified, private addresses are refused, and every wait ends at one deadline."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from clerk.application import part
from clerk.fetching.addresses import is_named, origin, resolve


class Network:
    """Makes clients whose waits end when `deadline` (monotonic seconds) has passed.

    They connect to private addresses only for the scheme, host and port of an `allowed` address, or where
    CLERK_FETCH_PRIVATE_HOSTS allows it; with `trusts_first`, also for those of the first request, which the code of a
    fetcher names, and no page. Resolving a name takes as long as the system's resolver lets it.
    """

    def __init__(self, allowed: Iterable[str] = (), *, trusts_first: bool = False) -> None:
        self.deadline = float("inf")
        self.private = False  # whether the next connection may lead to a private address
        self._allowed = {origin(url) for url in allowed}
        self._trusts_next = trusts_first
        self._proxied = False

    def end_in(self, seconds: float) -> None:
        """End every wait so many seconds from now."""
        self.deadline = time.monotonic() + seconds

    @property
    def expired(self) -> bool:
        """Return whether the deadline has passed."""
        return time.monotonic() >= self.deadline

    def left(self, timeout: float | None) -> float:
        """Return the seconds that one wait may take; raise a timeout if the deadline has passed."""
        if self.expired:
            raise httpcore.ReadTimeout("the deadline has passed")
        return min(timeout or float("inf"), self.deadline - time.monotonic())

    def prepare(self, url: str) -> None:
        """Decide whether the request for `url`, which is made next, may lead to a private address.

        Behind a proxy, which resolves names itself, raises NotServed if it may not but does.
        """
        scheme, host, port = origin(url)
        if self._trusts_next:
            self._allowed.add((scheme, host, port))
            self._trusts_next = False
        self.private = (scheme, host, port) in self._allowed or is_named(url)
        if self._proxied and not self.private:
            try:
                resolve(host, port or 0, allowed=False)
            except httpcore.ConnectError:
                return  # only the proxy knows the name

    def client(self, **options: Any) -> httpx.Client:
        """Return a client of this network; it uses the proxies of the environment, if there are any."""
        client = httpx.Client(verify=_tls(), **options)
        proxies = [proxy for proxy in client._mounts.values() if proxy is not None]
        self._proxied = bool(proxies)
        for transport in (client._transport, *proxies):
            # httpcore has an option for its backend, but httpx does not pass one on.
            pool = getattr(transport, "_pool", None)
            if not isinstance(getattr(pool, "_network_backend", None), httpcore.NetworkBackend):
                raise RuntimeError(f"httpx {httpx.__version__} has no connections that can be guarded")
            vars(pool)["_network_backend"] = _Backend(self, guarded=transport is client._transport)
        return client


class _Backend(httpcore.NetworkBackend):
    """Connects within the deadline; `guarded`, to no private address that is not allowed."""

    def __init__(self, network: Network, *, guarded: bool) -> None:
        self._network, self._guarded = network, guarded
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *arguments: Any, **options: Any
    ) -> httpcore.NetworkStream:
        addresses = resolve(host, port, allowed=self._network.private or not self._guarded)
        for address in addresses:
            try:
                stream = self._plain.connect_tcp(address, port, self._network.left(timeout), *arguments, **options)
                return _Stream(stream, self._network)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if address == addresses[-1]:
                    raise
        raise AssertionError("resolve returns an address or raises")


class _Stream(httpcore.NetworkStream):
    """A connection whose waits end at the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, network: Network) -> None:
        self._stream, self._network = stream, network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._network.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._network.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, self._network.left(timeout)), self._network)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@part
def _tls() -> ssl.SSLContext:
    """Read the certificate authorities once, which takes longer than a request."""
    return httpx.create_ssl_context()
