"""The PNG files that we write ourselves say what the bitmap said."""

from __future__ import annotations

import io
from contextlib import closing

import pypdfium2
import pytest
from PIL import Image, ImageChops

from clerk.text.pages import GreyRows
from clerk.text.png import grey_png
from devtools.pdfs import MINUTES, Pdf


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 3), (5, 7), (1275, 1651)])
def test_a_grey_png_is_what_was_drawn(width: int, height: int) -> None:
    rows = [bytes((row * 7 + column * 3) % 251 for column in range(width)) for row in range(height)]
    with Image.open(io.BytesIO(grey_png(b"".join(b"\0" + row for row in rows), width, height))) as image:
        image.load()
        assert (image.mode, image.size) == ("L", (width, height))
        assert image.tobytes() == b"".join(rows)


@pytest.mark.parametrize("size", [(612, 792), (611, 793), (613, 790)])
def test_a_drawing_for_a_png_is_that_of_pdfium(size: tuple[int, int]) -> None:
    with closing(pypdfium2.PdfDocument(Pdf().text(*MINUTES).made())) as document, closing(document[0]) as page:
        page.set_mediabox(0, 0, *size)
        ours = GreyRows()
        page.render(grayscale=True, bitmap_maker=ours.bitmap_of)
        theirs = page.render(grayscale=True).to_pil()
    with Image.open(io.BytesIO(grey_png(ours.rows, ours.bitmap.width, ours.bitmap.height))) as image:
        assert ImageChops.difference(image, theirs).getbbox() is None
        assert min(image.tobytes()) < 128
