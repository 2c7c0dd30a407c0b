"""Check a file's first bytes, size and hash before any library opens it."""

from __future__ import annotations

import re
from pathlib import Path

from clerk.child_process import MIB
from clerk.text.document import DocumentError, ReadingLimits

#: Where a PDF says that it is one; readers accept some bytes before it.
_HEADER = 1024
_WEB_PAGE = re.compile(rb"<!doctype\s+html|<html|<head|<body", re.IGNORECASE)


def check_file(pdf: Path, limits: ReadingLimits) -> None:
    """Raise the DocumentError of a file that is missing, empty, too large, or not a PDF."""
    try:
        size = pdf.stat().st_size
        with pdf.open("rb") as file:
            start = file.read(_HEADER)
    except FileNotFoundError:
        raise DocumentError("missing", f"is not there: fetch it again ({pdf.parent})") from None
    if not size:
        raise DocumentError("empty", "has no bytes: fetch it again")
    if size > limits.file_size:
        raise DocumentError("too-large", f"has {size // MIB} MiB, more than the limit of {limits.file_size // MIB}")
    if b"%PDF-" not in start:
        what = "is a web page" if _WEB_PAGE.search(start) else "is something else"
        raise DocumentError("not-a-pdf", f"{what} named PDF: look at its address, then fetch it again")
