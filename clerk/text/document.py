"""What reading a document gives: its pages, or one clear reason why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from clerk.child_process import MIB, ChildError, ChildLimits

#: Where a page's text comes from; `empty`: nothing is on it, or nothing that reads as text.
How = Literal["layer", "ocr", "empty"]

#: What the same bytes will do again, however often they are read.
PERMANENT = frozenset({"empty", "not-a-pdf", "unsupported", "encrypted", "damaged", "too-large"})


@dataclass(frozen=True, slots=True)
class Page:
    """One page's text; `number` counts from 1."""

    number: int
    text: str
    how: How


@dataclass(frozen=True, slots=True)
class DocumentText:
    """The text of a document read from its first page to its last; `sha256` is that of the PDF file."""

    sha256: str
    pages: tuple[Page, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadingLimits(ChildLimits):
    """What one document may cost, also: bytes of its file, pages, and the pixels that one page is rendered to."""

    file_size: int = 300 * MIB
    pages: int = 5000
    pixels: int = 40_000_000


class DocumentError(ChildError):
    """A document that could not be read to its end.

    `kind` is what `PERMANENT` names, "missing", or one of ChildError's.
    `page` is the one that could not, None if the document did not even open; `pages` are those read before.
    """

    def __init__(self, kind: str, reason: str, page: int | None = None) -> None:
        super().__init__(kind, reason)
        self.name = ""
        self.page = page
        self.pages: tuple[Page, ...] = ()

    def __str__(self) -> str:
        where = f"page {self.page} " if self.page else ""
        return f"{self.name}: {where}{self.reason}" if self.name else f"{where}{self.reason}"

    @property
    def permanent(self) -> bool:
        """Return whether reading the same file again is pointless."""
        return self.kind in PERMANENT
