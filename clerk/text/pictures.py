"""The pictures and shapes on a page, through pdfium, and whether a picture can be decoded to its end."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2 as pdfium
from PIL import Image
from pypdfium2 import raw

from clerk.text.decoding import is_damaged_jpeg

#: Pixels from which a picture may hold a line of text.
WORTH_READING = 30_000

_GREY = (raw.FPDF_COLORSPACE_DEVICEGRAY, raw.FPDF_COLORSPACE_CALGRAY)
#: Where the last scan of a JPEG begins, and its end (ITU-T T.81, B.1.1.3).
_JPEG_DATA, _JPEG_END = b"\xff\xda", b"\xff\xd9"

#: Types of JBIG2 segments: the end of the file, and the highest there is (ISO/IEC 14492, 7.3).
_JBIG2_END, _JBIG2_LAST = 51, 62

Box = tuple[float, float, float, float]  # left, bottom, right and top, in points


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture on a page."""

    width: int  # pixels
    height: int
    depth: int  # bits a pixel; 0 if it cannot be decoded at all
    grey: bool  # whether it is declared to be grey
    box: Box
    image: pdfium.PdfImage

    @property
    def pixels(self) -> int:
        """Return the number of its pixels."""
        return self.width * self.height

    @property
    def unpacked(self) -> int:
        """Return the bytes that it takes in memory."""
        return self.pixels * max(self.depth, 1) // 8

    @property
    def inches(self) -> float:
        """Return the length of its longer side on the page."""
        left, bottom, right, top = self.box
        return max(right - left, top - bottom, 1) / 72

    @property
    def area(self) -> float:
        """Return the square points that it takes on the page."""
        left, bottom, right, top = self.box
        return (right - left) * (top - bottom)

    @property
    def is_worth_reading(self) -> bool:
        """Return whether it is large enough to hold text, on the page and by its pixels."""
        return self.pixels >= WORTH_READING and self.area >= 72 * 72 / 2

    def is_damaged(self) -> bool:
        """Return whether its data cannot be decoded, or end too early: pdfium draws the rest in white or grey.

        For faxes and pictures without a compression of pictures, `Structure` finds that out.
        """
        filters = self.image.get_filters()
        if not self.depth:
            return not raw.FPDFImageObj_GetBitmap(self.image.raw)
        last = filters[-1] if filters else ""
        if last == "DCTDecode":
            return _is_cut_jpeg(self._data()) or is_damaged_jpeg(self._data())
        if last == "JBIG2Decode":
            return not _are_jbig2_segments(self._data())
        return False

    def _data(self) -> bytes:
        return bytes(self.image.get_data(decode_simple=True))


def _is_cut_jpeg(data: bytes) -> bool:
    """Return whether a JPEG ends before its picture does; the mark of its end may be all that it lacks."""
    if data.find(_JPEG_END, data.rfind(_JPEG_DATA)) >= 0:
        return False
    try:
        with Image.open(io.BytesIO(data + _JPEG_END)) as image:
            last = image.convert("L").crop((0, image.height - 1, image.width, image.height))
    except OSError:
        return True
    # What is missing is decoded as the middle of the scale, and everything below it.
    darkest, lightest = last.getextrema()
    return isinstance(darkest, int) and isinstance(lightest, int) and darkest >= 120 and lightest <= 136


def _are_jbig2_segments(data: bytes) -> bool:
    """Return whether data are a chain of JBIG2 segments as PDFs embed them (ISO/IEC 14492, 7.2)."""
    place = 0
    while place + 11 <= len(data):
        number, flags = int.from_bytes(data[place : place + 4]), data[place + 4]
        kind, place = flags & 63, place + 5
        if kind > _JBIG2_LAST:
            return False
        referred = data[place] >> 5
        place += 1
        if referred == 7:
            referred = int.from_bytes(data[place - 1 : place + 3]) & 0x1FFFFFFF
            place += 3 + (referred + 8) // 8
        place += referred * (1 if number <= 256 else 2 if number <= 65536 else 4)
        place += 4 if flags & 64 else 1
        length, place = int.from_bytes(data[place : place + 4]), place + 4
        if length == 0xFFFFFFFF or kind == _JBIG2_END:
            return True
        place += length
    return place == len(data) and place > 0


@dataclass(frozen=True, slots=True)
class Look:
    """What is on a page: objects of any kind, pieces of text, shapes, and pictures."""

    objects: int
    texts: int
    shapes: int
    pictures: tuple[Picture, ...]

    @property
    def pixels(self) -> int:
        """Return the pixels of all pictures."""
        return sum(picture.pixels for picture in self.pictures)

    @property
    def largest(self) -> int:
        """Return the bytes that the largest picture takes in memory."""
        return max((picture.unpacked for picture in self.pictures), default=0)

    @property
    def may_hide_colour(self) -> bool:
        """Return whether a picture is not declared to be grey."""
        return not all(picture.grey for picture in self.pictures)


def look_at(page: pdfium.PdfPage) -> Look:
    """Count what is on a page; annotations count as objects."""
    objects, texts, shapes, pictures = raw.FPDFPage_GetAnnotCount(page.raw), 0, 0, []
    for item in page.get_objects():
        objects += 1
        texts += item.type == raw.FPDF_PAGEOBJ_TEXT
        shapes += item.type == raw.FPDF_PAGEOBJ_PATH
        if isinstance(item, pdfium.PdfImage):
            data = item.get_metadata()
            grey = data.colorspace in _GREY
            width, height = item.get_px_size()
            pictures.append(Picture(width, height, data.bits_per_pixel, grey, _box(item), item))
    return Look(objects, texts, shapes, tuple(pictures))


def _box(item: pdfium.PdfObject) -> Box:
    """Return where an object is on its page, also one that is in a form, or in a form of a form."""
    left, bottom, right, top = item.get_bounds()
    corners = [(x, y) for x in (left, right) for y in (bottom, top)]
    for form in _containers(item):
        matrix = form.get_matrix()
        corners = [matrix.on_point(x, y) for x, y in corners]
    across, up = zip(*corners, strict=True)
    return min(across), min(up), max(across), max(up)


def _containers(item: pdfium.PdfObject) -> Iterator[pdfium.PdfObject]:
    while (item := item.container) is not None:
        yield item
