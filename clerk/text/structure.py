"""Whether the objects that a PDF's pages need are in the file, through qpdf: pdfium leaves out what is missing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pikepdf

from clerk.text.decoding import is_damaged_fax
from clerk.text.references import ObjGen, References
from clerk.text.streams import is_changed, is_damaged_font, unpacked

#: An XObject that is drawn, a font that is set (ISO 32000-2, 8.8 and 9.3).
_USED = re.compile(rb"/([^\s/\[\]()<>{}%#]+)\s+(?:(Do)|-?[\d.]+\s+Tf)\b")
#: Anything drawn that is neither text nor a path, and a curve of a path.
_DRAWS = re.compile(rb"\b(?:Do|BI|sh)\b")
_CURVE = re.compile(rb"[\d.]\s+[cvy]\s")


#: Filters that do not know that they pack a picture.
_GENERAL = frozenset({"/FlateDecode", "/LZWDecode", "/RunLengthDecode", "/ASCII85Decode", "/ASCIIHexDecode"})

#: The smallest picture that is examined, in pixels, and the share of its lines that has to be there: some programs
#: leave out the last ones.
_WORTH_READING = 30_000
_LINES = 0.98

#: Where a file that was sent whole ends; readers accept some bytes after it.
_END = 2048


@dataclass(slots=True)
class Drawn:
    """What a page's content draws: whether pictures or forms, how many curves, and whether all of it is there."""

    complete: bool = True
    pictures: bool = False
    curves: int = 0


#: What is assumed of a page that cannot be examined.
UNKNOWN = Drawn(pictures=True)


class Structure:
    """The objects of one PDF; streams that unpack to more than `largest` bytes are taken for complete."""

    def __init__(self, pdf: pikepdf.Pdf, content: Path | bytes, *, largest: int) -> None:
        self._pdf = pdf
        self._references = References(pdf, content)
        self._largest = largest
        self._cut_pictures: dict[ObjGen, bool] = {}
        self._is_damaged = bool(pdf.get_warnings()) or not ends_as_sent(content)

    def examine(self, number: int) -> Drawn:
        """Return what a page draws; it is not complete if something is missing, or cannot be unpacked to its end."""
        if number > len(self._pdf.pages):
            return UNKNOWN  # pdfium counts a page that the tree names and the file lacks; it does not load
        page, drawn = self._pdf.pages[number - 1].obj, Drawn()
        contents = page.get("/Contents")
        if contents is None:
            drawn.complete = not self._references.lack(page, {"/Contents"})
        else:
            streams = list(contents) if isinstance(contents, pikepdf.Array) else [contents]
            drawn.complete = self._add(drawn, streams, page, page.get("/Resources"), set())
        if self._is_damaged:
            drawn.complete = drawn.complete and not self._references.lack_below(page)
        return drawn

    def has_damaged_font(self, number: int) -> bool:
        """Return whether the file of a font of a page cannot be unpacked."""
        if number > len(self._pdf.pages):
            return False
        fonts = _entries(self._pdf.pages[number - 1].obj.get("/Resources"), "/Font")
        return any(is_damaged_font(font, self._largest) for font in fonts.values())

    def _add(self, drawn: Drawn, streams: list[Any], owner: Any, resources: Any, seen: set[ObjGen]) -> bool:
        """Add what the content streams of a page or a form draw, and its forms; return whether all of it is there."""
        parts = [unpacked(stream, self._largest) for stream in streams]
        if None in parts:
            return False
        content = b"\n".join(part for part in parts if part)
        drawn.curves += len(_CURVE.findall(content))
        drawn.pictures |= not content or _DRAWS.search(content) is not None
        kinds = {kind: _entries(resources, kind) for kind in ("/XObject", "/Font")}
        for found, is_drawn in set(_USED.findall(content)):
            kind = "/XObject" if is_drawn else "/Font"
            name, known = "/" + found.decode("latin-1"), kinds[kind]
            if name not in known:
                if self._references.lack(owner, {name, kind, "/Resources"}):
                    return False
            elif is_drawn and not self._add_item(drawn, known[name], resources, seen):
                return False
        return True

    def _add_item(self, drawn: Drawn, item: Any, resources: Any, seen: set[ObjGen]) -> bool:
        if not isinstance(item, pikepdf.Stream):
            return False
        if item.get("/Subtype") == "/Image":
            if item.objgen not in self._cut_pictures:
                self._cut_pictures[item.objgen] = _is_cut_picture(item, self._largest)
            return not self._cut_pictures[item.objgen]
        if item.objgen in seen:
            return True
        seen.add(item.objgen)
        return self._add(drawn, [item], item, item.get("/Resources", resources), seen)


def _entries(resources: Any, kind: str) -> Any:
    found = resources.get(kind) if isinstance(resources, pikepdf.Dictionary) else None
    return found if isinstance(found, pikepdf.Dictionary) else {}


def _is_cut_picture(image: Any, largest: int) -> bool:
    """Return whether a picture has fewer bytes than its size says, or is a damaged fax; `Picture` examines others."""
    filters = image.get("/Filter", [])
    names = {str(name) for name in (filters if isinstance(filters, pikepdf.Array) else [filters] if filters else [])}
    width, height = int(image.get("/Width", 0)), int(image.get("/Height", 0))
    depth = 1 if image.get("/ImageMask", False) else int(image.get("/BitsPerComponent", 8)) * _components(image)
    size = (width * depth + 7) // 8 * height
    if width * height < _WORTH_READING or size > largest:
        return False
    if "/CCITTFaxDecode" in names:
        return is_damaged_fax(image)
    if not names <= _GENERAL:
        return False
    try:
        return len(image.read_bytes()) < size * _LINES or is_changed(image, size, largest)
    except pikepdf.PdfError:
        return True


def _components(image: Any) -> int:
    """Return the numbers that make a colour (ISO 32000-2, 8.6); the fewest there may be where that is not known."""
    space = image.get("/ColorSpace")
    if isinstance(space, pikepdf.Array) and space:
        name = str(space[0])
        if name == "/ICCBased" and isinstance(space[1], pikepdf.Stream):
            return int(space[1].get("/N", 1))
        if name == "/DeviceN" and isinstance(space[1], pikepdf.Array):
            return len(space[1])
    else:
        name = str(space)
    return {"/DeviceRGB": 3, "/RGB": 3, "/CalRGB": 3, "/Lab": 3, "/DeviceCMYK": 4, "/CMYK": 4}.get(name, 1)


def ends_as_sent(content: Path | bytes) -> bool:
    """Return whether the mark that ends a PDF is at its end, with no object after it."""
    if isinstance(content, bytes):
        end = content[-_END:]
    else:
        with content.open("rb") as file:
            file.seek(max(0, content.stat().st_size - _END))
            end = file.read()
    _, mark, after = end.rpartition(b"%%EOF")
    return bool(mark) and b" obj" not in after
