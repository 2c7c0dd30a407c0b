"""The body of an answer: within a limit of size, and of the type that is expected."""

from __future__ import annotations

import codecs
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import httpx

from clerk.fetching.http_errors import NotServed, TooLarge, Trouble
from clerk.fetching.layout import SUFFIXES

#: The content codings that requests ask for, each with zlib's name for it.
CODINGS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}

#: Where a page declares its charset, within its first bytes.
_CHARSET = re.compile(rb"<meta\b[^>]*\bcharset\s*=\s*[\"']?\s*([a-z0-9_.:-]+)", re.IGNORECASE)
_META = 4096

#: Charsets that browsers read otherwise than declared.
_READ_AS = {"iso8859-1": "cp1252", "ascii": "cp1252", "utf-16": "utf-8", "utf-16-le": "utf-8", "utf-16-be": "utf-8"}

#: Servers apply one coding, at times another by mistake.
_MOST_CODINGS = 3

#: The first byte of a gzip member.
_GZIP = 0x1F

#: How many bytes are decoded at once.
_CHUNK = 1 << 16

#: Headers that describe the body as it was sent, and are false of the decoded body.
_TRANSFER_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class FileType:
    """A type of file, recognised by `mark` somewhere in its first `within` bytes; `name` has its article.

    `also` are marks at the very beginning of files that are accepted too, `endings` those of addresses at which any
    text is accepted.
    """

    name: str
    mark: bytes
    within: int
    also: tuple[bytes, ...] = ()
    endings: tuple[str, ...] = ()

    def includes(self, head: bytes, url: str) -> bool:
        """Return whether a file that begins like this, and was at this address, is of the type."""
        is_text = urlsplit(url).path.lower().endswith(self.endings) and b"\0" not in head
        return self.mark in head[: self.within] or head.startswith(self.also) or (bool(head.strip()) and is_text)


#: Readers accept a PDF whose header is anywhere in the first 1024 bytes.
PDF = FileType("a PDF", b"%PDF-", 1024)

#: The first bytes of .docx and other archives, of .rtf, and of old Office files -> the usual ending of such a document.
_OTHER_DOCUMENTS = {b"PK\x03\x04": ".docx", b"{\\rtf": ".rtf", b"\xd0\xcf\x11\xe0": ".doc"}

#: What a city may publish as a document: most often a PDF, at times the file that its PDF would be made of.
DOCUMENT = FileType(PDF.name, PDF.mark, PDF.within, tuple(_OTHER_DOCUMENTS), (".html", ".htm", ".txt"))


def decoded(response: httpx.Response, *, size: int) -> Iterator[bytes]:
    """Yield the body without its content codings; TooLarge if it, or a layer of it, has more than `size` bytes.

    Raises NotServed for codings that were not asked for, Trouble for data that is damaged or ends early.
    """
    names = [name.strip().lower() for name in response.headers.get("content-encoding", "").split(",")]
    names = [name.removeprefix("x-") for name in names if name not in ("", "identity")]
    if len(names) > _MOST_CODINGS or not CODINGS.keys() >= set(names):
        raise NotServed(f"the server sent it encoded as {', '.join(names)[:100]}, which was not asked for")
    chunks = limited(response.iter_raw(_CHUNK), size=size)
    for name in reversed(names):
        chunks = limited(_inflated(chunks, CODINGS[name]), size=size)
    yield from chunks


def _inflated(chunks: Iterable[bytes], window: int) -> Iterator[bytes]:
    """Decode one layer, of one or more gzip members or a deflate stream with or without its header."""
    decoder = None
    for data in chunks:
        while data:
            if decoder is None or decoder.eof:
                if decoder is not None and data[0] != _GZIP:
                    return  # padding
                raw = window == zlib.MAX_WBITS and (data[0] & 0x0F) != zlib.DEFLATED
                decoder = zlib.decompressobj(-window if raw else window)
            try:
                yield decoder.decompress(data, _CHUNK)
            except zlib.error as error:
                raise Trouble(f"the body cannot be decoded: {error}") from None
            data = decoder.unconsumed_tail or decoder.unused_data
    if decoder is not None:
        yield decoder.flush()
        if not decoder.eof:
            raise Trouble("the compressed body is cut short")


def limited(chunks: Iterable[bytes], *, size: int) -> Iterator[bytes]:
    """Yield the chunks; TooLarge after more than `size` bytes."""
    received = 0
    for chunk in chunks:
        received += len(chunk)
        if received > size:
            raise TooLarge(f"more than the {size:,} bytes that are allowed")
        yield chunk


def suffix_of(file: Path, url: str) -> str:
    """Return the ending for a downloaded document's name: its address', unless its content shows another."""
    with file.open("rb") as opened:
        head = opened.read(PDF.within)
    if PDF.includes(head, ""):
        return ".pdf"
    named = PurePosixPath(urlsplit(url).path).suffix.lower()
    usual = next((suffix for mark, suffix in _OTHER_DOCUMENTS.items() if head.startswith(mark)), "")
    return named if named in SUFFIXES[1:] else usual or ".pdf"


def require_type(chunks: Iterator[bytes], expected: FileType, url: str) -> Iterator[bytes]:
    """Yield the chunks of a file from this address; NotServed, before the first, if it is of another type."""
    head = b""
    while len(head) < expected.within and (chunk := next(chunks, b"")):
        head += chunk
    if not expected.includes(head, url):
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
        default_encoding=declared_charset,
    )


def declared_charset(content: bytes) -> str:
    """Return the charset that a page declares in its <meta>, by default UTF-8."""
    found = _CHARSET.search(content[:_META])
    name = found[1].decode("ascii") if found else "utf-8"
    try:
        b" ".decode(name, errors="replace")
    except LookupError:
        return "utf-8"
    return _READ_AS.get(codecs.lookup(name).name, name)


def _describe(head: bytes) -> str:
    if not head.strip():
        return "nothing"
    return "a web page" if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" else "another kind of file"
