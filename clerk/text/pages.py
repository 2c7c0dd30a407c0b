"""A PDF's pages through pdfium; only the child process imports this."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import pypdfium2 as pdfium
from PIL import Image, ImageChops
from pypdfium2 import raw

from clerk.text import layer
from clerk.text.document import DocumentError, Page, ReadingLimits
from clerk.text.ocr import DPI, Recognise

#: Pixels of pictures, or drawn shapes, from which a page with little text may hold more than its layer says.
PICTURE = 400_000
SHAPES = 500


@dataclass(frozen=True, slots=True)
class Look:
    """What is on a page besides text: objects of any kind, shapes, pixels, bytes of the largest picture."""

    objects: int
    shapes: int
    pixels: int
    largest: int


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
def page_of(document: pdfium.PdfDocument, number: int) -> Iterator[pdfium.PdfPage]:
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
        yield page


def read_page(page: pdfium.PdfPage, number: int, *, recogniser: Callable[[], Recognise], limits: ReadingLimits) -> Page:
    """Return a page's text: its layer if that is sane and can be all there is, else what the engine sees."""
    text = layer_text(page)
    sane = layer.is_sane(text)
    if sane and layer.size(text) >= layer.ENOUGH:
        return Page(number, text, "layer")
    look = look_at(page)
    if sane and (look.pixels < PICTURE and look.shapes < SHAPES and text.strip()):
        return Page(number, text, "layer")
    if not look.objects:
        return Page(number, "", "empty")
    seen = layer.tidy(recogniser()(render(page, look, limits=limits, grayscale=True)))
    if layer.words(seen) > (layer.words(text) if sane else 0) or not text.strip():
        return Page(number, seen, "ocr" if seen.strip() else "empty")
    return Page(number, text, "layer")


def layer_text(page: pdfium.PdfPage) -> str:
    """Return the text that a page carries, tidied."""
    with closing(page.get_textpage()) as textpage:
        return layer.tidy(textpage.get_text_range())


def look_at(page: pdfium.PdfPage) -> Look:
    """Count what is on a page; annotations count as objects."""
    objects = raw.FPDFPage_GetAnnotCount(page.raw)
    shapes = pixels = largest = 0
    for item in page.get_objects():
        objects += 1
        shapes += item.type == raw.FPDF_PAGEOBJ_PATH
        if isinstance(item, pdfium.PdfImage):
            data = item.get_metadata()
            pixels += data.width * data.height
            largest = max(largest, data.width * data.height * max(data.bits_per_pixel, 1) // 8)
    return Look(objects, shapes, pixels, largest)


def render(page: pdfium.PdfPage, look: Look, *, limits: ReadingLimits, grayscale: bool) -> pdfium.PdfBitmap:
    """Draw a page at `DPI`, or as finely as the limit of pixels allows; too-large if a picture is a bomb.

    The check comes first because pdfium, out of memory, leaves a picture out and says nothing.
    """
    if look.largest > limits.memory // 4:
        raise DocumentError("too-large", f"holds a picture of {look.largest >> 20} MiB, unpacked")
    width, height = page.get_size()
    finest = (limits.pixels / max(width * height, 1)) ** 0.5
    return page.render(scale=min(DPI / 72, finest), grayscale=grayscale)


def without_idle_colour(picture: Image.Image) -> Image.Image:
    """Return a picture in grey if it holds no colour: it looks the same, in half the bytes and a third of the time."""
    red, green, blue = picture.convert("RGB").split()
    is_grey = all(ImageChops.difference(red, other).getbbox() is None for other in (green, blue))
    return red if is_grey else picture
