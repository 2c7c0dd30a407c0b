"""Open a document: a PDF, the documents in a portfolio, or another document; only the child process imports this."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Protocol

import pikepdf
import pypdfium2 as pdfium
from pypdfium2 import raw

from clerk.text import layer
from clerk.text.annotations import show_annotations
from clerk.text.document import DocumentError, Page, ReadingLimits
from clerk.text.formats import format_of
from clerk.text.layers import without_hidden_layers
from clerk.text.ocr import Recogniser
from clerk.text.pages import OpenPage
from clerk.text.portfolio import SHORT, embedded_files, is_form_without_fields
from clerk.text.structure import UNKNOWN, Structure, ends_as_sent

#: How deep portfolios may be in one another.
_DEEPEST = 3


class ReadablePage(Protocol):
    """A page that is open."""

    def read(self, number: int, recogniser: Recogniser) -> Page:
        """Return the page's text."""

    def draw(self, file: Path) -> None:
        """Draw the page as a PNG file, if it can be drawn."""

    def require_whole_pictures(self) -> None:
        """Raise damaged if a picture cannot be decoded."""


class Pages(Protocol):
    """The pages of an open document, from 1, and the names of what it holds and is not read."""

    left_out: list[str]

    def __len__(self) -> int: ...

    def page(self, number: int) -> AbstractContextManager[ReadablePage]:
        """Open a page; damaged if it is not all there."""


class PdfPages:
    """The pages of a PDF that is open in pdfium, and in qpdf if that can open it."""

    def __init__(
        self, pdf: pdfium.PdfDocument, structure: Structure | None, limits: ReadingLimits, *, is_form: bool = False
    ) -> None:
        self._pdf = pdf
        self._structure = structure
        self.is_form = is_form  # whose fields are not on its pages
        self.left_out: list[str] = []
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
            yield OpenPage(page, self._limits, content, notes, partial(self._has_damaged_font, number))

    def _has_damaged_font(self, number: int) -> bool:
        return self._structure is not None and self._structure.has_damaged_font(number)


@dataclass(slots=True)
class Portfolio:
    """The pages of several documents in turn, and the names of files that are not read."""

    parts: list[Pages] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def page(self, number: int) -> AbstractContextManager[ReadablePage]:
        """Open a page of one of the documents."""
        for part in self.parts:
            if number <= len(part):
                return part.page(number)
            number -= len(part)
        raise IndexError(number)


@contextmanager
def opened(path: str, limits: ReadingLimits) -> Iterator[Pages]:
    """Open a document; DocumentError if that cannot be, or if it has too many pages."""
    with ExitStack() as stack:
        pages = _opened(Path(path), Path(path).name, limits, stack)
        if len(pages) > limits.pages:
            raise DocumentError("too-large", f"has {len(pages)} pages, more than the limit of {limits.pages}")
        yield pages


def _opened(content: Path | bytes, name: str, limits: ReadingLimits, stack: ExitStack, depth: int = 0) -> Pages:
    """Open a file, or bytes of one."""
    kind = format_of(content, name)
    if kind != "pdf":
        read = import_module("clerk.text.office").TextPages  # libraries that no PDF needs take a tenth of a second
        pages: Pages = read(content.read_bytes() if isinstance(content, Path) else content, kind, limits)
        return pages
    document = stack.enter_context(_loaded(content))
    structure, is_form = None, False
    with suppress(pikepdf.PdfError):
        pdf = stack.enter_context(pikepdf.open(content if isinstance(content, Path) else io.BytesIO(content)))
        is_form = is_form_without_fields(pdf)
        if (files := embedded_files(pdf)) is not None and depth < _DEEPEST:
            portfolio = _portfolio(files, limits, stack, depth + 1)
            cover = PdfPages(document, None, limits)
            return portfolio if _is_cover(cover) else Portfolio([cover, *portfolio.parts], portfolio.left_out)
        structure = Structure(pdf, content, largest=limits.memory // 16)
        if (visible := without_hidden_layers(pdf)) is not None:
            document = stack.enter_context(_loaded(visible))
    if structure is None and not ends_as_sent(content):
        raise DocumentError("damaged", "is damaged or cut short: fetch it again")
    if document.get_formtype():
        document.init_forms()
    return PdfPages(document, structure, limits, is_form=is_form)


def _portfolio(files: dict[str, bytes], limits: ReadingLimits, stack: ExitStack, depth: int) -> Portfolio:
    """Open the documents of a portfolio; unsupported if none of its files is read here."""
    found = Portfolio()
    for name, content in files.items():
        try:
            part = _opened(content, name, limits, stack, depth)
            found.parts.append(part)
            found.left_out += [f"{name}: {left_out}" for left_out in part.left_out]
        except DocumentError as error:
            if error.kind not in ("unsupported", "not-a-pdf"):
                raise DocumentError(error.kind, f"is a portfolio in which {name} {error.reason}") from None
            found.left_out.append(name)
    if not found.parts:
        names = ", ".join(found.left_out) or "no file"
        raise DocumentError("unsupported", f"is a portfolio without a document that is read here; it holds {names}")
    return found


def _is_cover(document: PdfPages) -> bool:
    """Return whether all that a portfolio has besides its files is a page that says to open it in another program."""
    if len(document) != 1:
        return len(document) == 0
    with document.page(1) as page:
        return layer.words(page.layer) < SHORT


@contextmanager
def _loaded(content: Path | bytes) -> Iterator[pdfium.PdfDocument]:
    try:
        document = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        if error.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            raise DocumentError("encrypted", "needs a password: put a copy without one in its place") from None
        raise DocumentError("damaged", "is damaged or cut short and does not open: fetch it again") from None
    with closing(document):
        yield document
