"""Whether a page shows something like writing where its text layer has none."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator

import pypdfium2 as pdfium
from PIL import Image, ImageDraw
from pypdfium2 import raw

from clerk.text.pictures import Box

#: The pixels that the longer side of the small drawing has at least, of an inch of a large page, and of the side of a
#: cell: half an inch on letter paper.
_SMALL_SIDE, _SMALL_DPI, _CELL = 792, 72, 36

#: A cell shows something if its darkest point differs so much from its lightest, and if so much of it is dark: less is
#: dust, more is a photograph.
_CONTRAST = 70
_INK = (0.01, 0.6)

#: Cells that must show something: a line of text across a page has as many.
_ENOUGH = 10

#: How far a letter's ink may be from the box that the layer gives for it, as a share of the box and in points.
_NEAR, _AT_LEAST = 0.4, 2.0


#: Writing whose darkest point is this much lighter than black is made black for the engine.
_PALE = 60


def small_scale(page: pdfium.PdfPage) -> float:
    """Return the pixels of a point on the small drawing."""
    return float(max(_SMALL_DPI / 72, _SMALL_SIDE / max(*page.get_size(), 1)))


def may_show_more(page: pdfium.PdfPage, area: float) -> bool:
    """Return whether pictures of so many square points are large enough for what `shows_more` looks for."""
    return area * small_scale(page) ** 2 > _ENOUGH * _CELL * _CELL * 3 / 4


def without_letters(page: pdfium.PdfPage, drawn: Image.Image) -> Image.Image:
    """Return a grey drawing of the page with the letters of its layer painted over."""
    rest = drawn.copy()
    paint = ImageDraw.Draw(rest)
    lightest = _background(drawn)
    for box in _letters(page):
        paint.rectangle(_pixels(page, drawn, box, near=True), fill=lightest)
    return rest


def shows_more(page: pdfium.PdfPage, rest: Image.Image, places: Iterable[Box]) -> bool:
    """Return whether the page without the letters of its layer shows something like writing at these places."""
    mask = Image.new("L", rest.size)
    paint = ImageDraw.Draw(mask)
    for place in places:
        paint.rectangle(_pixels(page, rest, place), fill=255)
    count = 0
    for left in range(0, rest.width, _CELL):
        for top in range(0, rest.height, _CELL):
            cell = (left, top, min(left + _CELL, rest.width), min(top + _CELL, rest.height))
            is_inside = sum(mask.crop(cell).histogram()[255:]) * 2 > _CELL * _CELL
            count += is_inside and _has_ink(rest.crop(cell))
            if count >= _ENOUGH:
                return True
    return False


def darker(rest: Image.Image) -> bytes | None:
    """Return a table from each grey to a darker one for pale writing; None if it is dark enough.

    A pale scan under black letters is lost to engines that look for one threshold between paper and ink.
    """
    counts, lightest = rest.histogram(), _background(rest)
    ink = max(rest.width * rest.height // 1000, 1)
    darkest = next(grey for grey in range(256) if sum(counts[: grey + 1]) >= ink)
    if darkest < _PALE or lightest - darkest < _CONTRAST // 2:
        return None
    return bytes(min(255, max(0, (grey - darkest) * 255 // (lightest - darkest))) for grey in range(256))


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


def _pixels(page: pdfium.PdfPage, drawn: Image.Image, box: Box, *, near: bool = False) -> tuple[int, int, int, int]:
    """Return a box of the page as left, top, right and bottom of its drawing, which may be rotated."""
    left, bottom, right, top = box
    if near:
        across, up = (max(side * _NEAR, _AT_LEAST) for side in (right - left, top - bottom))
        left, bottom, right, top = left - across, bottom - up, right + across, top + up
    found = []
    for x, y in ((left, bottom), (right, top)):
        column, row = ctypes.c_int(), ctypes.c_int()
        raw.FPDF_PageToDevice(page.raw, 0, 0, drawn.width, drawn.height, 0, x, y, column, row)
        found.append((column.value, row.value))
    (one, two), (three, four) = found
    return min(one, three), min(two, four), max(one, three), max(two, four)
