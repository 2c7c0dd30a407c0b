"""What a file is, by its first bytes, the names in its archive and its own name."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path, PurePath
from typing import Literal

from clerk.text.document import DocumentError

Format = Literal["pdf", "docx", "rtf", "html", "txt"]

#: Where a PDF says that it is one; readers accept some bytes before it.
_HEADER = 1024
_WEB_PAGE = re.compile(rb"<!doctype\s+html|<html|<head|<body", re.IGNORECASE)

#: A name in an archive -> what the archive is.
_ARCHIVES = {
    "word/document.xml": "docx",
    "xl/workbook.xml": "an Excel workbook",
    "ppt/presentation.xml": "a PowerPoint presentation",
    "content.xml": "an OpenDocument file",
    "META-INF/container.xml": "an electronic book",
}
#: First bytes -> what begins with them.
_OTHERS = {
    b"\xd0\xcf\x11\xe0": "a file of an old Office program (.doc, .xls, .ppt, .msg)",
    b"\xff\xd8\xff": "a picture (JPEG)",
    b"\x89PNG": "a picture (PNG)",
    b"GIF8": "a picture (GIF)",
    b"II*\0": "a picture (TIFF)",
    b"MM\0*": "a picture (TIFF)",
    b"\xffWPC": "a WordPerfect document",
    b"%!PS": "a PostScript file",
    b"PK\x05\x06": "an empty archive (zip)",
}


def format_of(content: Path | bytes, name: str) -> Format:
    """Return the format of a file's content; not-a-pdf or unsupported for one that is not read here.

    A web page or plain text is read only if the name says that it is one: under the name of another document it is
    a server's message.
    """
    suffix, start = PurePath(name).suffix.lower(), _start(content)
    if b"%PDF-" in start:
        return "pdf"
    if start.lstrip().startswith(b"{\\rtf"):
        return "rtf"
    if start.startswith(b"PK\x03\x04"):
        return _format_of_archive(content)
    if what := next((what for mark, what in _OTHERS.items() if start.startswith(mark)), None):
        raise _unsupported(what)
    if _WEB_PAGE.search(start):
        if suffix in (".html", ".htm", ".txt"):
            return "html"
        raise _misnamed("is a web page", suffix)
    if suffix in (".html", ".htm", ".txt") and (b"\0" not in start or start[:2] in (b"\xff\xfe", b"\xfe\xff")):
        return "txt" if suffix == ".txt" else "html"
    raise _misnamed("is something else", suffix)


def _start(content: Path | bytes) -> bytes:
    if isinstance(content, bytes):
        return content[:_HEADER]
    with content.open("rb") as file:
        return file.read(_HEADER)


def _format_of_archive(content: Path | bytes) -> Format:
    try:
        with zipfile.ZipFile(content if isinstance(content, Path) else io.BytesIO(content)) as archive:
            names = frozenset(archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        raise DocumentError("damaged", "is a damaged archive (.docx or .zip): fetch it again") from None
    what = next((what for name, what in _ARCHIVES.items() if name in names), "an archive (zip)")
    if what == "docx":
        return "docx"
    raise _unsupported(what)


def _unsupported(what: str) -> DocumentError:
    return DocumentError("unsupported", f"is {what}, which is not read: put a PDF of it in its place")


def _misnamed(what: str, suffix: str) -> DocumentError:
    name = "PDF" if suffix in (".pdf", "") else suffix
    return DocumentError("not-a-pdf", f"{what} named {name}: look at its address, then fetch it again")
