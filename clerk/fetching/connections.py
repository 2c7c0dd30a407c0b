"""Connections of one visit: TLS is verified, and every wait on a socket ends at one deadline."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from clerk.application import part


class Network(httpcore.NetworkBackend):
    """Opens connections that fail with a timeout once `deadline` (monotonic seconds) has passed.

    httpx has a time limit for each read only, so that a server could send a byte at a time for ever.
    """

    def __init__(self) -> None:
        self.deadline = float("inf")
        self._backend = httpcore.SyncBackend()

    @property
    def expired(self) -> bool:
        """Return whether the deadline has passed."""
        return time.monotonic() >= self.deadline

    def left(self, timeout: float | None) -> float:
        """Return the seconds that one wait may take; raise a timeout if the deadline has passed."""
        if self.expired:
            raise httpcore.ReadTimeout("the deadline has passed")
        return min(timeout or float("inf"), self.deadline - time.monotonic())

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect within the deadline."""
        stream = self._backend.connect_tcp(host, port, self.left(timeout), local_address, socket_options)
        return _Stream(stream, self)

    def client(self, **options: Any) -> httpx.Client:
        """Return a client whose connections are made here, through the proxies of the environment if there are any."""
        client = httpx.Client(verify=_tls(), **options)
        for transport in (client._transport, *client._mounts.values()):
            if isinstance(transport, httpx.HTTPTransport):
                transport._pool._network_backend = self  # httpx has no option for it
        return client


class _Stream(httpcore.NetworkStream):
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
