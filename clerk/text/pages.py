"""A PDF's pages through pdfium; only the child process imports this."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pypdfium2 as pdfium
from PIL import ImageChops
from pypdfium2 import raw

from clerk.text import layer
from clerk.text.document import DocumentError, Page, ReadingLimits
from clerk.text.ocr import DPI, Recognise
from clerk.text.png import grey_png

#: Pixels of pictures, or drawn shapes, from which a page with little text may hold more than its layer says.
PICTURE = 400_000
SHAPES = 500

#: The share of `DPI` at which a page shows whether it holds colour.
SMALL = 0.25

_GREY = (raw.FPDF_COLORSPACE_DEVICEGRAY, raw.FPDF_COLORSPACE_CALGRAY)


@dataclass(frozen=True, slots=True)
class Look:
    """What is on a page besides text: objects of any kind, shapes, pixels, bytes of the largest picture."""

    objects: int
    shapes: int
    pixels: int
    largest: int
    may_hide_colour: bool  # some picture is not declared to be grey


class OpenPage:
    """A loaded page, looked at and drawn in grey at most once."""

    def __init__(self, raw: pdfium.PdfPage, limits: ReadingLimits) -> None:
        self.raw = raw
        self._limits = limits

    @cached_property
    def look(self) -> Look:
        """Return what is on the page."""
        return look_at(self.raw)

    @cached_property
    def grey(self) -> pdfium.PdfBitmap:
        """Return the page drawn in one byte a pixel."""
        return self.drawn(grayscale=True)

    def drawn(self, *, grayscale: bool, scale: float = 1) -> pdfium.PdfBitmap:
        """Draw the page at `scale` times `DPI`, or as finely as the limit of pixels allows.

        Raises too-large if a picture is a bomb. The check comes first because pdfium, out of memory, leaves a picture
        out and says nothing.
        """
        if self.look.largest > self._limits.memory // 4:
            raise DocumentError("too-large", f"holds a picture of {self.look.largest >> 20} MiB, unpacked")
        width, height = self.raw.get_size()
        finest = (self._limits.pixels / max(width * height, 1)) ** 0.5
        return self.raw.render(scale=min(DPI / 72, finest) * scale, grayscale=grayscale)


@contextmanager
def opened(path: str, limits: ReadingLimits) -> Iterator[pdfium.PdfDocument]:
    """Open a document with its forms; DocumentError if that cannot be, or if it has too many pages."""
    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        if error.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            raise DocumentError("encrypted", "needs a password: put a copy without one in its place") from None
        raise DocumentError("damaged", "is damaged or cut short and does not open: fetch it again") from None
    with closing(document):
        if len(document) > limits.pages:
            raise DocumentError("too-large", f"has {len(document)} pages, more than the limit of {limits.pages}")
        if document.get_formtype():
            document.init_forms()
        yield document


@contextmanager
def page_of(document: pdfium.PdfDocument, number: int, limits: ReadingLimits) -> Iterator[OpenPage]:
    """Load a page, with what was typed into its form fields made part of it."""
    try:
        page = document[number - 1]
        if document.formenv:
            page.flatten()
            page.close()
            page = document[number - 1]
    except pdfium.PdfiumError:
        raise DocumentError("damaged", "is damaged and does not load: fetch the document again") from None
    with closing(page):
        yield OpenPage(page, limits)


def read_page(page: OpenPage, number: int, recogniser: Callable[[], Recognise]) -> Page:
    """Return a page's text: its layer if that is sane and can be all there is, else what the engine sees."""
    text = layer_text(page.raw)
    sane = layer.is_sane(text)
    if sane and layer.size(text) >= layer.ENOUGH:
        return Page(number, text, "layer")
    look = page.look
    if sane and (look.pixels < PICTURE and look.shapes < SHAPES and text.strip()):
        return Page(number, text, "layer")
    if not look.objects:
        return Page(number, "", "empty")
    seen = layer.tidy(recogniser()(page.grey))
    if layer.words(seen) > (layer.words(text) if sane else 0) or not text.strip():
        return Page(number, seen, "ocr" if seen.strip() else "empty")
    return Page(number, text, "layer")


def draw_page(page: OpenPage, file: Path) -> None:
    """Draw a page as a PNG file, in grey if it holds no colour.

    Whether it does is seen on a small drawing, and where that shows none but a picture may hide some, on a full one.
    """
    if _has_colour(page.drawn(grayscale=False, scale=SMALL)) or (
        page.look.may_hide_colour and _has_colour(page.drawn(grayscale=False))
    ):
        # Level 3 takes half the time of the default, and scans come out smaller.
        page.drawn(grayscale=False).to_pil().save(file, compress_level=3)
    else:
        grey = page.grey
        file.write_bytes(grey_png(memoryview(grey.buffer).cast("B"), grey.width, grey.height, grey.stride))


def layer_text(page: pdfium.PdfPage) -> str:
    """Return the text that a page carries, tidied."""
    with closing(page.get_textpage()) as textpage:
        return layer.tidy(textpage.get_text_range())


def look_at(page: pdfium.PdfPage) -> Look:
    """Count what is on a page; annotations count as objects."""
    objects = raw.FPDFPage_GetAnnotCount(page.raw)
    shapes = pixels = largest = 0
    may_hide_colour = False
    for item in page.get_objects():
        objects += 1
        shapes += item.type == raw.FPDF_PAGEOBJ_PATH
        if isinstance(item, pdfium.PdfImage):
            data = item.get_metadata()
            pixels += data.width * data.height
            may_hide_colour |= data.colorspace not in _GREY
            largest = max(largest, data.width * data.height * max(data.bits_per_pixel, 1) // 8)
    return Look(objects, shapes, pixels, largest, may_hide_colour)


def _has_colour(bitmap: pdfium.PdfBitmap) -> bool:
    red, green, blue = bitmap.to_pil().convert("RGB").split()
    return any(ImageChops.difference(red, other).getbbox() for other in (green, blue))
