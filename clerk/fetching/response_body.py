"""The body of an answer: within a limit of size, and of the type that is expected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import httpx

from clerk.fetching.http_errors import NotServed, TooLarge

#: Headers that describe the body as it was sent, and are false of the decoded body.
_TRANSFER_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class FileType:
    """A type of file, recognised by `mark` somewhere in its first `within` bytes; `name` has its article."""

    name: str
    mark: bytes
    within: int


#: Readers accept a PDF whose header is anywhere in the first 1024 bytes.
PDF = FileType("a PDF", b"%PDF-", 1024)


def limited(chunks: Iterable[bytes], *, size: int) -> Iterator[bytes]:
    """Yield the chunks; TooLarge after more than `size` bytes."""
    received = 0
    for chunk in chunks:
        received += len(chunk)
        if received > size:
            raise TooLarge(f"more than the {size:,} bytes that are allowed")
        yield chunk


def require_type(chunks: Iterator[bytes], expected: FileType) -> Iterator[bytes]:
    """Yield a file's chunks; NotServed, before the first, if it is of another type."""
    head = b""
    while len(head) < expected.within and (chunk := next(chunks, b"")):
        head += chunk
    if expected.mark not in head[: expected.within]:
        raise NotServed(f"the server sent {_describe(head)} instead of {expected.name}")
    yield head
    yield from chunks


def whole(response: httpx.Response, chunks: Iterable[bytes]) -> httpx.Response:
    """Return the answer with its decoded body, as httpx does without streaming."""
    return httpx.Response(
        response.status_code,
        headers=[(name, value) for name, value in response.headers.multi_items() if name not in _TRANSFER_HEADERS],
        content=b"".join(chunks),
        request=response.request,
        history=response.history,
    )


def _describe(head: bytes) -> str:
    if not head.strip():
        return "nothing"
    return "a web page" if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" else "another kind of file"
