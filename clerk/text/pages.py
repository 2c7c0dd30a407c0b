"""A page of a PDF through pdfium; only the child process imports this."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import closing
from functools import cached_property
from pathlib import Path

import pypdfium2 as pdfium
from PIL import Image, ImageChops

from clerk.text import coverage, layer
from clerk.text.document import DocumentError, Page, ReadingLimits
from clerk.text.hyphens import rejoined
from clerk.text.ocr import DPI, Recognise, Recogniser
from clerk.text.pictures import WORTH_READING, Box, Look, look_at
from clerk.text.plausibility import Seen, combined, is_poor
from clerk.text.png import grey_png
from clerk.text.structure import Drawn

#: Drawn shapes from which a page with little text may hold writing that was drawn as outlines.
SHAPES = 500

#: Curves that the outlines of some lines of letters have.
CURVES = 2000

#: The share of `DPI` at which a page shows whether it holds colour.
SMALL = 0.25

#: A picture with more pixels than fit on its place at `DPI` is drawn finer if its place is shorter than this, in
#: inches: until its longer side has so many pixels, while the page has no more than so many.
_SHORT_PLACE, _LONG_SIDE, _FINE_PAGE = 8.0, 2400, 12_000_000


class GreyRows:
    """A grey drawing in memory as a PNG file has it, with a byte 0 before each row: to copy it takes as long."""

    bitmap: pdfium.PdfBitmap
    rows: memoryview

    def bitmap_of(
        self,
        width: int,
        height: int,
        format: int,  # noqa: A002 - pypdfium2's names
        *,
        rev_byteorder: bool = False,
    ) -> pdfium.PdfBitmap:
        """Make the bitmap to draw on."""
        size = (width + 1) * height
        memory = bytearray(size + 1)  # a byte before the first row, and one after the last, which `stride` counts
        pixels = (ctypes.c_ubyte * size).from_buffer(memory, 1)
        self.rows = memoryview(memory)[:size]
        self.bitmap = pdfium.PdfBitmap.new_native(
            width, height, format, rev_byteorder=rev_byteorder, buffer=pixels, stride=width + 1
        )
        return self.bitmap


class OpenPage:
    """A loaded page, looked at and drawn in grey at most once.

    `content` is what qpdf found in it; `notes`, not None if annotations were added to that, is text that pdfium does
    not draw.
    """

    def __init__(
        self,
        raw: pdfium.PdfPage,
        limits: ReadingLimits,
        content: Drawn,
        notes: str | None,
        has_damaged_font: Callable[[], bool],
    ) -> None:
        self.raw = raw
        self._limits = limits
        self._content = content
        self._has_damaged_font = has_damaged_font
        self._notes = notes

    @cached_property
    def look(self) -> Look:
        """Return what is on the page."""
        return look_at(self.raw)

    @cached_property
    def layer(self) -> str:
        """Return the text that the page carries, tidied."""
        with closing(self.raw.get_textpage()) as textpage:
            text = layer.tidy(textpage.get_text_range())
        return "\n".join(filter(None, [text.rstrip("\n"), layer.tidy(self._notes)])) if self._notes else text

    @cached_property
    def grey(self) -> GreyRows:
        """Return the page drawn in one byte a pixel."""
        rows = GreyRows()
        self.drawn(grayscale=True, into=rows.bitmap_of)
        return rows

    def drawn(
        self,
        *,
        grayscale: bool,
        scale: float = 1,
        into: Callable[..., pdfium.PdfBitmap] = pdfium.PdfBitmap.new_native,
    ) -> pdfium.PdfBitmap:
        """Draw the page at `scale` times its resolution, or as finely as the limit of pixels allows.

        Raises too-large if a picture is a bomb. The check comes first because pdfium, out of memory, leaves a picture
        out and says nothing.
        """
        if self.look.largest > self._limits.memory // 4:
            raise DocumentError("too-large", f"holds a picture of {self.look.largest >> 20} MiB, unpacked")
        width, height = self.raw.get_size()
        finest = (self._limits.pixels / max(width * height, 1)) ** 0.5
        return self.raw.render(scale=min(self.dpi / 72, finest) * scale, grayscale=grayscale, bitmap_maker=into)

    @cached_property
    def dpi(self) -> float:
        """Return the pixels of an inch at which the page is drawn: more than `DPI` for a large picture on little space.

        A city may place a scan of letter paper on a page of the size of a card.
        """
        width, height = self.raw.get_size()
        finest: float = (_FINE_PAGE / max(width * height, 1)) ** 0.5 * 72
        wanted: list[float] = [
            min(max(picture.width, picture.height), _LONG_SIDE) / picture.inches
            for picture in self.look.pictures
            if picture.is_worth_reading and picture.inches < _SHORT_PLACE
        ]
        return max(DPI, min(max(wanted, default=0), finest))

    def read(self, number: int, recogniser: Recogniser) -> Page:
        """Return the page's text: its layer if that is sane and all there is, else also what the engine sees."""
        text, sane = self.layer, layer.is_sane(self.layer)
        if sane and self._is_plain and layer.size(text) >= layer.ENOUGH:
            return Page(number, rejoined(text), "layer")
        self.require_whole_pictures()
        if sane and text.strip() and not self._shows_more_than(text):
            return Page(number, rejoined(text), "layer")
        if not self.look.objects:
            return Page(number, "", "empty")
        seen = self._recognised(recogniser(), text)
        if sane and text.strip():
            best, by_engine = combined(text, seen)
            return Page(number, rejoined(best), "ocr" if by_engine else "layer")
        if self.look.texts and not seen.text.strip() and self._has_damaged_font():
            raise DocumentError("damaged", "has a font that cannot be decoded")
        if layer.words(seen.text) or not text.strip():
            return Page(number, rejoined(seen.text), "ocr" if seen.text.strip() else "empty")
        return Page(number, text, "layer")

    @property
    def _is_plain(self) -> bool:
        """Whether the page shows nothing but its text layer, as far as can be known without a look at it."""
        return not self._content.pictures and self._content.curves < CURVES and self._notes is None

    def require_whole_pictures(self) -> None:
        """Raise damaged for a picture that may hold text and cannot be decoded to its end."""
        for picture in self.look.pictures:
            if picture.is_worth_reading and picture.unpacked <= self._limits.memory // 4 and picture.is_damaged():
                raise DocumentError("damaged", "holds a picture that cannot be decoded")

    def _shows_more_than(self, text: str) -> bool:
        """Return whether a picture, or shapes that may be outlines of letters, show more than the layer has."""
        places: list[Box] = [picture.box for picture in self.look.pictures]
        area = sum(picture.area for picture in self.look.pictures)
        if self.look.pixels < WORTH_READING or not coverage.may_show_more(self.raw, area):
            places = []
        width, height = self.raw.get_size()
        if area * 2 > width * height and is_poor(text):
            return True
        if self._content.curves >= CURVES or (self.look.shapes >= SHAPES and layer.size(text) < layer.ENOUGH):
            places.append(self.raw.get_bbox())
        if not places:
            return False
        return coverage.shows_more(self.raw, self._rest, places)

    @cached_property
    def _rest(self) -> Image.Image:
        """A small drawing of the page with the letters of its layer painted over."""
        small = self.drawn(grayscale=True, scale=coverage.small_scale(self.raw) * 72 / self.dpi)
        return coverage.without_letters(self.raw, small.to_pil())

    def _recognised(self, recognise: Recognise, text: str) -> Seen:
        """Return what the engine sees; pale writing is made black first if the layer has text over it."""
        table = coverage.darker(self._rest) if text.strip() else None
        if table is None:
            return recognise(self.grey.bitmap).changed(layer.tidy)
        drawn = self.drawn(grayscale=True)
        pixels = memoryview(drawn.buffer).cast("B")
        pixels[:] = bytes(pixels).translate(table)
        return recognise(drawn).changed(layer.tidy)

    def draw(self, file: Path) -> None:
        """Draw the page as a PNG file, in grey if it holds no colour.

        Whether it does is seen on a small drawing; where that shows none but a picture may hide some, on a full one.
        """
        if _has_colour(self.drawn(grayscale=False, scale=SMALL)) or (
            self.look.may_hide_colour and _has_colour(self.drawn(grayscale=False))
        ):
            # Level 3 takes half the time of the default, and scans come out smaller.
            self.drawn(grayscale=False).to_pil().save(file, compress_level=3)
        else:
            bitmap = self.grey.bitmap
            file.write_bytes(grey_png(self.grey.rows, bitmap.width, bitmap.height))


def _has_colour(bitmap: pdfium.PdfBitmap) -> bool:
    red, green, blue = bitmap.to_pil().convert("RGB").split()
    return any(ImageChops.difference(red, other).getbbox() for other in (green, blue))
