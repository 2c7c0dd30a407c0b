"""The references in a PDF's objects as they are written: qpdf hides those to objects that are not in the file."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pikepdf

ObjGen = tuple[int, int]

_REFERENCE = re.compile(rb"/([^\s/\[\]()<>{}%]+)\s*\[?\s*(\d+)\s+(\d+)\s+R\b")
_ANY_REFERENCE = re.compile(rb"\b(\d+)\s+(\d+)\s+R\b")
_END = re.compile(rb"\bendobj\b|\bstream\b")

#: Keys that lead from a page or its annotations to other pages, or to what no page shows.
_AWAY = frozenset({"/Parent", "/P", "/Dest", "/A", "/AA", "/IRT", "/Popup", "/B", "/StructParents", "/OC", "/Metadata"})

#: Bytes of an object that are looked at, and how deep a tree of pages may be.
_LONGEST, _DEEPEST = 1 << 20, 64

#: Kinds of entries of a file's table (ISO 32000-2, 7.5.8.3).
_IN_FILE, _IN_STREAM = 1, 2


class References:
    """The written references of a PDF, whose file or bytes these are."""

    def __init__(self, pdf: pikepdf.Pdf, content: Path | bytes) -> None:
        self._pdf = pdf
        self._content = content
        self._unpacked: dict[int, tuple[bytes, int]] = {}  # object streams

    def lack(self, page: Any, keys: Collection[str]) -> bool:
        """Return whether the page, or what it takes resources from, refers by one of these keys to a missing object."""
        names = {key.removeprefix("/").encode("latin-1", errors="replace") for key in keys}
        return any(
            key in names and self._is_missing((int(number), int(generation)))
            for holder in _holders(page)
            for key, number, generation in _REFERENCE.findall(self._written(holder))
        )

    def lack_below(self, page: Any) -> bool:
        """Return whether a missing object is referred to by anything that a page leads to, needed or not."""
        return any(
            self._is_missing((int(number), int(generation)))
            for holder in _below(page)
            for number, generation in _ANY_REFERENCE.findall(self._written(holder))
        )

    @cached_property
    def _table(self) -> dict[ObjGen, Any]:
        return dict(self._pdf.get_xref_table())

    @cached_property
    def _bytes(self) -> bytes:
        return self._content.read_bytes() if isinstance(self._content, Path) else self._content

    @cached_property
    def _start(self) -> int:
        """Where the file begins for its table: at the header."""
        return max(self._bytes[:1024].find(b"%PDF-"), 0)

    def _is_missing(self, name: ObjGen) -> bool:
        return name not in self._table or self._pdf.get_object(name) is None

    def _written(self, name: ObjGen) -> bytes:
        """Return the bytes of an object; none if it is not where the table says."""
        entry = self._table.get(name)
        if entry is None:
            return b""
        if entry.type == _IN_STREAM:
            return self._written_in_stream(entry.obj_stream_number, entry.obj_stream_index)
        found = self._bytes[self._start + entry.offset :][:_LONGEST] if entry.type == _IN_FILE else b""
        return _END.split(found, maxsplit=1)[0]

    def _written_in_stream(self, number: int, index: int) -> bytes:
        """Return the bytes of an object of an object stream (ISO 32000-2, 7.5.7)."""
        if number not in self._unpacked:
            stream = self._pdf.get_object((number, 0))
            is_there = isinstance(stream, pikepdf.Stream)
            self._unpacked[number] = (stream.read_bytes(), int(stream.get("/First", 0))) if is_there else (b"", 0)
        data, first = self._unpacked[number]
        places = [first + int(place) for place in data[:first].split()[1::2]] + [len(data)]
        return data[places[index] : places[index + 1]] if index + 1 < len(places) else b""


def _below(page: Any) -> Iterator[ObjGen]:
    """Yield the objects that a page leads to, and not to other pages."""
    seen: set[ObjGen] = set()
    waiting: list[Any] = [page]
    while waiting:
        item = waiting.pop()
        if isinstance(item, pikepdf.Array):
            waiting.extend(item)
        elif _is_dictionary(item) and (item.objgen not in seen or not item.objgen[0]):
            if item.objgen[0]:
                seen.add(item.objgen)
                yield item.objgen
            waiting.extend(value for key, value in item.items() if key not in _AWAY)


def _holders(page: Any) -> Iterator[ObjGen]:
    """Yield the objects that say what a page shows: the page, the nodes above it, their resources, and their kinds."""
    node: Any = page
    for _ in range(_DEEPEST):
        if not isinstance(node, pikepdf.Dictionary | pikepdf.Stream):
            return
        resources: Any = node.get("/Resources")
        kinds: list[Any] = [resources.get(kind) for kind in ("/XObject", "/Font")] if _is_dictionary(resources) else []
        yield from (item.objgen for item in (node, resources, *kinds) if _is_dictionary(item) and item.objgen[0])
        node = node.get("/Parent")


def _is_dictionary(item: object) -> bool:
    return isinstance(item, pikepdf.Dictionary | pikepdf.Stream)
