"""The content of a PDF's streams, and whether it is whole."""

from __future__ import annotations

import re
import zlib
from typing import Any

import pikepdf

_ENDS_IN_OPERATOR = re.compile(rb"(?:^|[\s\])>])[A-Za-z'\"*]{1,3}\s*\Z")

#: What may hold any bytes: strings, pictures inside content, comments.
_FREE = re.compile(rb"\((?:[^()\\]|\\.|\((?:[^()\\]|\\.)*\))*\)|<[0-9A-Fa-f\s]*>|\bBI\b.*?\bEI\b|%[^\r\n]*", re.DOTALL)
_TOKEN = re.compile(rb"[^\s\[\]<>{}]+")
_OPERAND = re.compile(rb"/.*|[-+.]*\d[-+.\deE]*|[-+.]|true|false|null", re.DOTALL)

#: All operators of content (ISO 32000-2, annex A).
_OPERATORS = frozenset(
    b"b B b* B* BDC BI BMC BT BX c cm CS cs d d0 d1 Do DP EI EMC ET EX f F f* G g gs h i ID j J K k l m M MP n q Q re"
    b" RG rg ri s S SC sc SCN scn sh T* Tc Td TD Tf Tj TJ TL Tm Tr Ts Tw Tz v w W W* y ' \"".split()
)


def unpacked(stream: Any, largest: int) -> bytes | None:
    """Return the content of a stream, b"" if it is very large; None if it is missing, damaged or cut."""
    if not isinstance(stream, pikepdf.Stream):
        return None
    if not _is_deflated(stream):
        try:
            content: bytes = stream.read_bytes()
        except (pikepdf.PdfError, NotImplementedError):
            return None
        return content if len(content) < largest else b""
    found = _inflated(stream, largest)
    if found is None:
        return None
    content, is_whole, checks = found
    if len(content) >= largest:
        return b""
    if (is_whole or _is_balanced(content)) and (checks or _is_content(content)):
        return content
    return None


def is_damaged_font(font: Any, largest: int) -> bool:
    """Return whether the file of a font cannot be unpacked to its end, or is not what was packed."""
    descendants = font.get("/DescendantFonts") if isinstance(font, pikepdf.Dictionary) else None
    holder = descendants[0] if isinstance(descendants, pikepdf.Array) and descendants else font
    descriptor = holder.get("/FontDescriptor") if isinstance(holder, pikepdf.Dictionary) else None
    if not isinstance(descriptor, pikepdf.Dictionary):
        return False
    files = [descriptor.get(key) for key in ("/FontFile", "/FontFile2", "/FontFile3")]
    found = [_inflated(file, largest) for file in files if isinstance(file, pikepdf.Stream) and _is_deflated(file)]
    return any(part is None or not part[1] or not part[2] for part in found)


def is_changed(picture: Any, size: int, largest: int) -> bool:
    """Return whether a picture does not unpack to what was packed: neither its checksum nor its size in bytes fits.

    With only the wrong checksum its pixels are where they belong.
    """
    found = _inflated(picture, largest) if _is_deflated(picture) else None
    return found is not None and not found[2] and len(found[0]) != size


def _is_deflated(stream: Any) -> bool:
    return stream.get("/Filter") == "/FlateDecode" and "/DecodeParms" not in stream


def _inflated(stream: Any, largest: int) -> tuple[bytes, bool, bool] | None:
    """Return content up to a size, whether its end was reached, and whether its checksum fits; None if it is damaged.

    Some programs leave out the checksum, or get it wrong.
    """
    packed = memoryview(stream.get_raw_stream_buffer())[2:]
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = inflate.decompress(packed, largest)
    except zlib.error:
        return None
    checksum = inflate.unused_data[:4]
    checks = len(checksum) < 4 or int.from_bytes(checksum) == zlib.adler32(content)
    return content, inflate.eof or not packed, checks


def _is_balanced(content: bytes) -> bool:
    """Return whether content is likely to be whole, although its compressed data have no end."""
    words = content.split()
    pairs = ((b"BT", b"ET"), (b"q", b"Q"))
    return all(words.count(one) == words.count(other) for one, other in pairs) and bool(
        _ENDS_IN_OPERATOR.search(content[-64:])
    )


def _is_content(content: bytes) -> bool:
    """Return whether content has only operators that there are, although its checksum does not fit."""
    tokens = _TOKEN.findall(_FREE.sub(b" ", content))
    return all(token in _OPERATORS or _OPERAND.fullmatch(token) for token in tokens)
