"""Bodies that are sent compressed: decoded in bounded memory, however often they were compressed."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from clerk.fetching.visitor import NotServed, TooLarge, Trouble, VisitLimits, Visitor
from devtools.city_site import Answer, CitySite

TEXT = b"The meeting was called to order. " * 3000
MIB = 1 << 20


@pytest.fixture
def visitor(city: CitySite) -> Visitor:
    return Visitor(allowed=[city.url], limits=VisitLimits(pause=0, patience=0, attempts=1, size=MIB))


def send(city: CitySite, body: bytes, coding: str) -> str:
    """Serve a body as it is, with a content coding."""
    city.routes["/x"] = Answer(body, headers={"Content-Encoding": coding})
    return f"{city.url}/x"


def bare(content: bytes) -> bytes:
    """Return a deflate stream without a header, as some servers send it."""
    squeeze = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return squeeze.compress(content) + squeeze.flush()


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("x-gzip", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", bare(TEXT)),
        ("GZIP, identity", gzip.compress(TEXT)),
        ("deflate, gzip", gzip.compress(zlib.compress(TEXT))),
        ("gzip", gzip.compress(TEXT[:50_000]) + gzip.compress(TEXT[50_000:])),
        ("gzip", gzip.compress(TEXT) + bytes(512)),
    ],
    ids=["gzip", "x-gzip", "zlib", "deflate", "identity", "nested", "members", "padded"],
)
def test_a_compressed_body_is_decoded(city: CitySite, visitor: Visitor, coding: str, body: bytes) -> None:
    assert visitor.request("GET", send(city, body, coding)).content == TEXT


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_compressed_bomb_takes_no_memory(city: CitySite, visitor: Visitor, layers: int) -> None:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = b"".join(squeeze.compress(bytes(MIB)) for _ in range(100)) + squeeze.flush()
    for _ in range(layers - 1):
        body = gzip.compress(body, 9)
    url = send(city, body, ", ".join(["gzip"] * layers))
    tracemalloc.start()
    with pytest.raises(TooLarge, match="more than the 1,048,576 bytes"):
        visitor.request("GET", url)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * MIB


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip, gzip, gzip", "compress"])
def test_what_was_not_asked_for_is_not_decoded(city: CitySite, visitor: Visitor, coding: str) -> None:
    with pytest.raises(NotServed, match="not asked for"):
        visitor.request("GET", send(city, TEXT, coding))


@pytest.mark.parametrize("body", [gzip.compress(TEXT)[:-20], b"not compressed at all"], ids=["cut", "plain"])
def test_a_damaged_body_may_be_whole_next_time(city: CitySite, visitor: Visitor, body: bytes) -> None:
    with pytest.raises(Trouble, match=r"cut short|cannot be decoded"):
        visitor.request("GET", send(city, body, "gzip"))


def test_a_request_asks_only_for_what_is_decoded(city: CitySite, visitor: Visitor) -> None:
    visitor.request("GET", send(city, gzip.compress(TEXT), "gzip"), headers={"accept-encoding": "gzip, br"})
    assert city.requests[-1].headers["Accept-Encoding"] == "gzip, deflate"
