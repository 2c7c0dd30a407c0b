"""PDF to text, page by page: the layer a page carries if it is sane, else what an OCR engine sees on it."""

from clerk.text.document import DocumentError, DocumentText, How, Page, ReadingLimits
from clerk.text.reader import Reader, read_document, render_pages
from clerk.text.tree import is_unchanged, write_pages

__all__ = [
    "DocumentError",
    "DocumentText",
    "How",
    "Page",
    "Reader",
    "ReadingLimits",
    "is_unchanged",
    "read_document",
    "render_pages",
    "write_pages",
]
