"""PDFs that are not the document themselves: portfolios, which hold documents, and forms that only Adobe can show."""

from __future__ import annotations

import re

import pikepdf

from clerk.text import layer
from clerk.text.document import DocumentError

#: Words from which a page is a document of its own.
SHORT = 150

#: What the page of a form or of a protected document says in programs that cannot show it.
_PLACEHOLDER = re.compile(
    r"if this message is not eventually replaced by the proper contents"
    r"|for the best experience, open this pdf portfolio"
    r"|the document you are trying to load requires adobe reader"
    r"|to view the full contents of this document, you need a later version of the pdf viewer"
    r"|this pdf (?:file|document) is protected\W.{0,80}(?:reader|viewer)"
    r"|this is a protected (?:pdf )?document\W.{0,80}(?:reader|viewer)",
    re.IGNORECASE | re.DOTALL,
)

_ADVICE = "print it to PDF in Adobe Acrobat, or ask the city for such a copy, and put that in its place"


def is_placeholder(text: str, *, is_form: bool) -> bool:
    """Return whether the only page of a document says no more than that it cannot be shown.

    Of a form whose fields are not on its pages any short text is taken for that, in whatever language.
    """
    return _PLACEHOLDER.search(" ".join(text.split())) is not None or (is_form and layer.words(text) < SHORT)


def placeholder_error() -> DocumentError:
    """Return the error of a document whose only page is a placeholder."""
    return DocumentError("unsupported", f"says only that this program cannot show it: {_ADVICE}")


def is_form_without_fields(pdf: pikepdf.Pdf) -> bool:
    """Return whether a form has all its fields in XFA; unsupported if it says that the PDF holds no pages of it.

    See ISO 32000-1, 7.7.2 (NeedsRendering) and 12.7.8 (XFA forms).
    """
    forms = pdf.Root.get("/AcroForm")
    if not isinstance(forms, pikepdf.Dictionary) or "/XFA" not in forms:
        return False
    if pdf.Root.get("/NeedsRendering", False):
        raise DocumentError("unsupported", f"is a dynamic XFA form, of which it has no pages: {_ADVICE}")
    return not any("/Annots" in page.obj for page in pdf.pages)


def embedded_files(pdf: pikepdf.Pdf) -> dict[str, bytes] | None:
    """Return the files of a portfolio by name, in its order; None for any other PDF (ISO 32000-2, 12.3.5)."""
    if not isinstance(pdf.Root.get("/Collection"), pikepdf.Dictionary):
        return None
    return {file.filename or name: file.get_file().read_bytes() for name, file in pdf.attachments.items()}
