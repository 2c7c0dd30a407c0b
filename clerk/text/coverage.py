"""Whether a page shows something like writing where its text layer has none."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator

import pypdfium2 as pdfium
from PIL import Image, ImageDraw
from pypdfium2 import raw

from clerk.text.pictures import Box

#: The pixels of an inch on the small drawing that is searched, and of the side of one of its cells: half an inch.
SMALL_DPI = 72
_CELL = 36

#: A cell shows something if its darkest point differs so much from its lightest, and if so much of it is dark: less is
#: dust, more is a photograph.
_CONTRAST = 70
_INK = (0.01, 0.6)

#: Cells that must show something: a line of text across a page has as many.
_ENOUGH = 10

#: How far a letter's ink may be from the box that the layer gives for it, as a share of the box and in points.
_NEAR, _AT_LEAST = 0.4, 2.0


def shows_more(page: pdfium.PdfPage, drawn: Image.Image, places: Iterable[Box]) -> bool:
    """Return whether a grey drawing of the page, at `SMALL_DPI`, shows more at these places than the layer has."""
    rest = drawn.copy()
    paint = ImageDraw.Draw(rest)
    lightest = _background(drawn)
    for box in _letters(page):
        paint.rectangle(_pixels(page, box, near=True), fill=lightest)
    count = 0
    for cell in {cell for place in places for cell in _cells(rest, _pixels(page, place))}:
        count += _has_ink(rest.crop(cell))
        if count >= _ENOUGH:
            return True
    return False


def _background(image: Image.Image) -> int:
    """Return the commonest grey of the lighter half."""
    counts = image.histogram()[128:]
    return 128 + counts.index(max(counts))


def _has_ink(cell: Image.Image) -> bool:
    darkest, lightest = cell.getextrema()
    if not isinstance(darkest, int) or not isinstance(lightest, int) or lightest - darkest < _CONTRAST:
        return False
    dark = sum(cell.histogram()[: (darkest + lightest) // 2])
    few, many = _INK
    return few <= dark / (cell.width * cell.height) <= many


def _letters(page: pdfium.PdfPage) -> Iterator[Box]:
    textpage = page.get_textpage()
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    for index in range(raw.FPDFText_CountChars(textpage.raw)):
        if raw.FPDFText_GetCharBox(textpage.raw, index, left, right, bottom, top):
            yield left.value, bottom.value, right.value, top.value
    textpage.close()


def _pixels(page: pdfium.PdfPage, box: Box, *, near: bool = False) -> tuple[int, int, int, int]:
    """Return a box of the page as left, top, right and bottom of its drawing, which may be rotated."""
    left, bottom, right, top = box
    if near:
        across, up = (max(side * _NEAR, _AT_LEAST) for side in (right - left, top - bottom))
        left, bottom, right, top = left - across, bottom - up, right + across, top + up
    width, height = (round(side * SMALL_DPI / 72) for side in page.get_size())
    found = []
    for x, y in ((left, bottom), (right, top)):
        column, row = ctypes.c_int(), ctypes.c_int()
        raw.FPDF_PageToDevice(page.raw, 0, 0, width, height, 0, x, y, column, row)
        found.append((column.value, row.value))
    (one, two), (three, four) = found
    return min(one, three), min(two, four), max(one, three), max(two, four)


def _cells(image: Image.Image, place: tuple[int, int, int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Yield the cells of a grid over the drawing that lie in a place for the greater part."""
    left, top, right, bottom = (
        max(0, min(edge, side)) for edge, side in zip(place, (image.width, image.height) * 2, strict=True)
    )
    for column in range(round(left / _CELL), round(right / _CELL)):
        for row in range(round(top / _CELL), round(bottom / _CELL)):
            yield column * _CELL, row * _CELL, (column + 1) * _CELL, (row + 1) * _CELL
