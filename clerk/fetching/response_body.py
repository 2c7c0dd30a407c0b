"""The body of an answer: within limits of size and time, whole or as a PDF."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

import httpx

from clerk.fetching.http_errors import NotServed, Trouble

#: Readers accept a PDF whose header stands anywhere in its first bytes, this many.
_PDF_HEADER = 1024

#: Headers that describe the body as it was sent, and are not true of what came out.
_OF_THE_TRANSFER = frozenset({"content-encoding", "content-length", "transfer-encoding"})


def limited(chunks: Iterable[bytes], *, size: int, seconds: float) -> Iterator[bytes]:
    """Pass chunks on; NotServed past `size` bytes, Trouble when it takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    received = 0
    for chunk in chunks:
        received += len(chunk)
        if received > size:
            raise NotServed(f"more than the {size:,} bytes that are allowed")
        if time.monotonic() > deadline:
            raise Trouble(f"not finished after {seconds:g} s")
        yield chunk


def pdf_only(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Pass a PDF's chunks on; NotServed, before the first, if it is something else."""
    head = b""
    while len(head) < _PDF_HEADER and (chunk := next(chunks, b"")):
        head += chunk
    if b"%PDF-" not in head[:_PDF_HEADER]:
        raise NotServed(f"the server sent {_describe(head)} instead of a PDF")
    yield head
    yield from chunks


def whole(response: httpx.Response, chunks: Iterable[bytes]) -> httpx.Response:
    """Return the answer with its decoded body, as if it had not been streamed."""
    return httpx.Response(
        response.status_code,
        headers=[(name, value) for name, value in response.headers.multi_items() if name not in _OF_THE_TRANSFER],
        content=b"".join(chunks),
        request=response.request,
        history=response.history,
    )


def _describe(head: bytes) -> str:
    if not head.strip():
        return "nothing"
    return "a web page" if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" else "another kind of file"
