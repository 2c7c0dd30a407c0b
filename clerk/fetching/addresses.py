"""Which network addresses may be visited: public ones, and private ones that the operator has configured."""

from __future__ import annotations

import ipaddress
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import httpcore

from clerk.fetching.http_errors import NotServed
from clerk.settings import settings

#: Public ranges that reach the inside of a network: a cloud's metadata service, and translation to local IPv4.
_INSIDE = tuple(map(ipaddress.ip_network, ("168.63.129.16/32", "64:ff9b:1::/48", "fec0::/10")))

#: IPv6 ranges whose last 32 bits are an IPv4 address.
_TRANSLATED = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "::/96")))


def is_public(text: str) -> bool:
    """Return whether an IP address belongs to the public internet."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and any(address in network for network in _TRANSLATED):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    special = address.is_multicast or address.is_reserved or any(address in network for network in _INSIDE)
    return address.is_global and not special


def resolve(host: str, port: int, *, allowed: bool) -> list[str]:
    """Return the IP addresses of a host that may be visited, any if it is `allowed`; raise NotServed if it has none.

    Raises httpcore.ConnectError if the name cannot be resolved.
    """
    try:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except UnicodeError:
        raise NotServed(f"{host[:200]!r} is not a host name") from None
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    usable = [address for address in dict.fromkeys(found) if allowed or is_public(address) or _is_let_in(address)]
    if not usable:
        raise NotServed(
            f"{host} leads to the private address {found[0]}, which is not allowed; "
            f"to allow it, add {host} to CLERK_FETCH_PRIVATE_HOSTS"
        )
    return usable


def origin(url: str) -> tuple[str, str, int | None]:
    """Return an address's scheme, host and port."""
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").rstrip("."), parts.port or default


def is_named(url: str) -> bool:
    """Return whether the operator's setting names the host of an address, with or without its port."""
    _, host, port = origin(url)
    return not {host, f"{host}:{port}"}.isdisjoint(name.lower() for name in settings().fetch_private_hosts)


def configured(value: Any) -> Iterator[str]:
    """Yield the web addresses in a site's extra, whether it is JSON text or its value."""
    if isinstance(value, str):
        with suppress(ValueError):
            yield from configured(json.loads(value))
        if value.startswith(("http://", "https://")):
            yield value
    elif isinstance(value, Mapping):
        yield from configured(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from configured(part)


def _is_let_in(address: str) -> bool:
    """Return whether the operator's setting has a network that contains an IP address."""
    networks = [ipaddress.ip_network(name, strict=False) for name in settings().fetch_private_hosts if "/" in name]
    return any(ipaddress.ip_address(address.partition("%")[0]) in network for network in networks)
