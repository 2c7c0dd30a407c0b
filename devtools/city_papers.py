"""Makes the PDFs of an invented city: with text, scanned, damaged."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from functools import cache

import pypdfium2 as pdfium
from fpdf import FPDF
from PIL import ImageFilter

#: What a scanner of a city hall makes of a page.
_SCAN_DPI = 150


@cache
def text_pdf(title: str, *paragraphs: str) -> bytes:
    """Return a PDF of one page that carries its text; the same words give the same bytes."""
    paper = FPDF(format="letter")
    paper.set_creation_date(datetime(2024, 1, 1))
    paper.add_page()
    paper.set_font("Helvetica", size=16)
    paper.multi_cell(0, 10, title, new_x="LMARGIN", new_y="NEXT")
    paper.set_font("Helvetica", size=12)
    for paragraph in paragraphs:
        paper.multi_cell(0, 7, paragraph, new_x="LMARGIN", new_y="NEXT")
        paper.ln(3)
    return bytes(paper.output())


@cache
def scanned_pdf(title: str, *paragraphs: str) -> bytes:
    """Return the same page as an image only, a little blurred."""
    with pdfium.PdfDocument(text_pdf(title, *paragraphs)) as document:
        picture = document[0].render(scale=_SCAN_DPI / 72, grayscale=True).to_pil()
    blurred = picture.filter(ImageFilter.GaussianBlur(0.6))
    content = io.BytesIO()
    blurred.save(content, "PDF", resolution=_SCAN_DPI, creationDate=None)
    return content.getvalue()


def damaged_pdf(title: str, *paragraphs: str) -> bytes:
    """Return the first 60 % of the bytes of a PDF, as after a broken upload."""
    whole = text_pdf(title, *paragraphs)
    return whole[: len(whole) * 6 // 10]


def minutes(body: str, day: str, decisions: Sequence[str]) -> tuple[str, ...]:
    """Return title and paragraphs of a meeting's minutes."""
    return (
        f"MINUTES of the {body}, {day}",
        "The meeting was called to order at 7:00 PM. Roll call: all members present.",
        *decisions,
        "The meeting was adjourned at 9:15 PM.",
    )


def agenda(body: str, day: str, items: Sequence[str]) -> tuple[str, ...]:
    """Return title and paragraphs of a meeting's agenda."""
    return (f"AGENDA of the {body}, {day}", *(f"{number}. {item}" for number, item in enumerate(items, start=1)))
