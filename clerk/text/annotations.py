"""What annotations show on a page, through pdfium: notes typed onto it, stamps, form fields."""

from __future__ import annotations

import ctypes
import html
import re

import pypdfium2 as pdfium
from pypdfium2 import raw

#: Annotations that mark a place, or open at a click, and show no text of their own (ISO 32000-2, 12.5.6).
_SILENT = frozenset({raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP, raw.FPDF_ANNOT_TEXT})

_MARKUP = re.compile(r"<[^>]*>")
_UNSEEN = raw.FPDF_ANNOT_FLAG_HIDDEN | raw.FPDF_ANNOT_FLAG_NOVIEW


def show_annotations(page: pdfium.PdfPage) -> str | None:
    """Make what annotations show a part of the page, and hide those that are for printers only.

    Return None if the page stays as it is; else the page must be loaded again, and this is the text of the
    annotations without a drawing: readers draw it by themselves, pdfium does not.
    """
    shown = []
    for index in range(raw.FPDFPage_GetAnnotCount(page.raw)):
        annotation = raw.FPDFPage_GetAnnot(page.raw, index)
        kind, flags = raw.FPDFAnnot_GetSubtype(annotation), raw.FPDFAnnot_GetFlags(annotation)
        if flags & _UNSEEN:
            raw.FPDFAnnot_SetFlags(annotation, flags | raw.FPDF_ANNOT_FLAG_HIDDEN)
        elif kind not in _SILENT:
            shown.append(_text_without_drawing(annotation, kind))
        raw.FPDFPage_CloseAnnot(annotation)
    if not shown or raw.FPDFPage_Flatten(page.raw, raw.FLAT_NORMALDISPLAY) == raw.FLATTEN_FAIL:
        return None
    return "\n".join(text for text in shown if text)


def _text_without_drawing(annotation: raw.FPDF_ANNOTATION, kind: int) -> str:
    """Return what a note or a stamp says for which the file has no drawing."""
    if kind not in (raw.FPDF_ANNOT_FREETEXT, raw.FPDF_ANNOT_STAMP) or _is_drawn(annotation):
        return ""
    if kind == raw.FPDF_ANNOT_FREETEXT:
        rich = _MARKUP.sub("", _string(annotation, b"RC").replace("</p>", "\n"))
        return _string(annotation, b"Contents") or html.unescape(rich).strip()
    # "NotApproved" is drawn as NOT APPROVED.
    return " ".join(re.findall(r"[A-Z]?[a-z]+", _string(annotation, b"Name"))).upper()


def _is_drawn(annotation: raw.FPDF_ANNOTATION) -> bool:
    return bool(
        raw.FPDFAnnot_GetAP(annotation, raw.FPDF_ANNOT_APPEARANCEMODE_NORMAL, None, 0) > len("\0".encode("utf-16-le"))
    )


def _string(annotation: raw.FPDF_ANNOTATION, key: bytes) -> str:
    size = raw.FPDFAnnot_GetStringValue(annotation, key, None, 0)
    buffer = ctypes.create_string_buffer(size)
    raw.FPDFAnnot_GetStringValue(annotation, key, ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR)), size)
    return buffer.raw[:size].decode("utf-16-le", errors="replace").rstrip("\0")
