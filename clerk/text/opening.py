"""Open a document: a PDF, or what is in its place; only the child process imports this."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pikepdf
import pypdfium2 as pdfium
from pypdfium2 import raw

from clerk.text.annotations import show_annotations
from clerk.text.document import DocumentError, ReadingLimits
from clerk.text.layers import without_hidden_layers
from clerk.text.pages import OpenPage
from clerk.text.structure import UNKNOWN, Structure, ends_as_sent


class PdfPages:
    """The pages of a PDF that is open in pdfium, and in qpdf if that can open it."""

    def __init__(self, pdf: pdfium.PdfDocument, structure: Structure | None, limits: ReadingLimits) -> None:
        self._pdf = pdf
        self._structure = structure
        self._limits = limits

    def __len__(self) -> int:
        return len(self._pdf)

    @contextmanager
    def page(self, number: int) -> Iterator[OpenPage]:
        """Load a page, with what its annotations show made part of it; damaged if it is not all there."""
        content = self._structure.examine(number) if self._structure else UNKNOWN
        if not content.complete:
            raise DocumentError("damaged", "is incomplete")
        try:
            page, notes = self._pdf[number - 1], None
            if raw.FPDFPage_GetAnnotCount(page.raw):
                notes = show_annotations(page)
                if notes is not None:
                    page.close()
                    page = self._pdf[number - 1]
        except pdfium.PdfiumError:
            raise DocumentError("damaged", "does not load") from None
        with closing(page):
            yield OpenPage(page, self._limits, content, notes)


@contextmanager
def opened(path: str, limits: ReadingLimits) -> Iterator[PdfPages]:
    """Open a document; DocumentError if that cannot be, or if it has too many pages."""
    with ExitStack() as stack:
        document = stack.enter_context(_loaded(path))
        structure = None
        with suppress(pikepdf.PdfError):
            pdf = stack.enter_context(pikepdf.open(path))
            structure = Structure(pdf, Path(path), largest=limits.memory // 16)
            if (visible := without_hidden_layers(pdf)) is not None:
                document = stack.enter_context(_loaded(visible))
        if structure is None and not ends_as_sent(Path(path)):
            raise DocumentError("damaged", "is damaged or cut short: fetch it again")
        if len(document) > limits.pages:
            raise DocumentError("too-large", f"has {len(document)} pages, more than the limit of {limits.pages}")
        if document.get_formtype():
            document.init_forms()
        yield PdfPages(document, structure, limits)


@contextmanager
def _loaded(content: str | bytes) -> Iterator[pdfium.PdfDocument]:
    try:
        document = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        if error.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            raise DocumentError("encrypted", "needs a password: put a copy without one in its place") from None
        raise DocumentError("damaged", "is damaged or cut short and does not open: fetch it again") from None
    with closing(document):
        yield document
