"""The folders and file names of a site's documents under STORAGE_DIR/SUBDOMAIN."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os.path import lexists
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from clerk.errors import UsageError
from clerk.fetching.cleaning import clean
from clerk.fsync import ABANDONED, remove_abandoned
from clerk.paths import inside

#: Kind of document -> the folder that contains its folders.
PREFIXES = {"minutes": "", "agenda": "_agendas"}

#: The endings of files that wait to be read, in their order; those after .txt are given up with the reason.
SUFFIXES = (
    *(".pdf", ".docx", ".rtf", ".html", ".htm", ".txt"),
    *(".doc", ".odt", ".wpd", ".xls", ".xlsx", ".ppt", ".pptx", ".zip", ".jpg", ".jpeg", ".png", ".tif", ".tiff"),
)

#: The folder of unfinished downloads and of workplaces.
UNFINISHED = ".fetching"
#: The age in seconds after which a workplace is abandoned: while a long document is read its folder does not change.
ABANDONED_WORKPLACE = 86_400.0

_UNSAFE = re.compile(r"[/\\]+")
_LONGEST = 180  # bytes of UTF-8; a file name may have 255


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of one site; `root` is STORAGE_DIR/SUBDOMAIN."""

    root: Path

    def pdf(self, kind: str, meeting: str, date: str, suffix: str = ".pdf") -> Path:
        """Return the path of a PDF that waits to be read, or with another suffix of another document."""
        return self._path(kind, "pdfs", meeting, f"{safe_name(date)}{suffix}")

    def waiting(self, kind: str, meeting: str, date: str) -> Path:
        """Return the file that waits to be read, of several a PDF first; without any, the path of a PDF."""
        return next(iter(self.every_format(kind, meeting, date)), self.pdf(kind, meeting, date))

    def every_format(self, kind: str, meeting: str, date: str) -> list[Path]:
        """Return the files of a document that wait to be read: more than one if it is there in several formats."""
        name = f"{self.root}/{self.prefix(kind)}/pdfs/{safe_name(meeting)}/{safe_name(date)}"
        there = [suffix for suffix in SUFFIXES if lexists(f"{name}{suffix}")]  # most are not: resolving them takes long
        paths = [self.pdf(kind, meeting, date, suffix) for suffix in there]
        return [path for path in paths if path.exists()]

    def all_waiting(self, kind: str) -> list[Path]:
        """Return the files of one kind that wait to be read, by meeting and date, without hidden ones."""
        found = (self.root / self.prefix(kind) / "pdfs").glob("*/*.*")
        visible = [file for file in found if not (file.name.startswith(".") or file.parent.name.startswith("."))]
        return sorted(file for file in visible if file.suffix.lower() in SUFFIXES)

    def all_read(self, kind: str) -> list[Path]:
        """Return the folders of one kind that have a document's text, by meeting and date, without hidden ones."""
        found = (self.root / self.prefix(kind) / "txt").glob("*/*/")
        return sorted(folder for folder in found if not (folder.name.startswith(".") or folder.parent.name[0] == "."))

    def processed(self, kind: str, meeting: str, date: str) -> Path:
        """Return the empty file that marks the document as read."""
        return self._path(kind, "processed", meeting, f"{safe_name(date)}.txt")

    def text(self, kind: str, meeting: str, date: str) -> Path:
        """Return the folder of its pages' text."""
        return self._path(kind, "txt", meeting, safe_name(date))

    def images(self, kind: str, meeting: str, date: str) -> Path:
        """Return the folder of its pages' images, which are moved to static storage later."""
        return self._path(kind, "images", meeting, safe_name(date))

    def failed(self, kind: str, meeting: str, date: str) -> Path:
        """Return the note on why the document could not be downloaded or read."""
        return self._path(kind, "failed", meeting, f"{safe_name(date)}.json")

    def withdrawn(self, kind: str, meeting: str, date: str) -> Path:
        """Return the note on when the city took the document back."""
        return self._path(kind, "withdrawn", meeting, f"{safe_name(date)}.json")

    def origin(self, kind: str, meeting: str, date: str) -> Path:
        """Return the note on where the document is from."""
        return self._path(kind, "origins", meeting, f"{safe_name(date)}.json")

    def exists(self, kind: str, meeting: str, date: str) -> bool:
        """Return whether the document waits to be read, or was read."""
        if self.every_format(kind, meeting, date):
            return True
        processed = self.processed(kind, meeting, date)
        return processed.exists() or processed.with_suffix(".pdf").exists()

    def temporary(self) -> Path:
        """Return a new path for an unfinished download on the same file system, and make its folder."""
        folder = self.root / UNFINISHED
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{uuid4().hex}.part"

    @contextmanager
    def workplace(self) -> Iterator[Path]:
        """Make a folder for the length of a with block, beside unfinished downloads."""
        folder = self.root / UNFINISHED
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(suffix=".work", dir=folder, ignore_cleanup_errors=True) as made:
            yield Path(made)

    def sweep(self) -> None:
        """Remove unfinished downloads and workplaces that killed attempts left, by their age."""
        remove_abandoned(self.root / UNFINISHED, "*.part", age=ABANDONED)
        remove_abandoned(self.root / UNFINISHED, "*.work", age=ABANDONED_WORKPLACE)

    def _path(self, kind: str, folder: str, meeting: str, name: str) -> Path:
        return inside(self.root, self.prefix(kind), folder, safe_name(meeting), name)

    def prefix(self, kind: str) -> str:
        """Return the folder of a kind of document: "minutes", "agenda", or the path of their output folder.

        Raises UsageError for another kind.
        """
        for known, prefix in PREFIXES.items():
            if kind == known or Path(kind) == self.root / prefix / "pdfs":
                return prefix
        raise UsageError(f'unknown kind of document {kind!r}: it is "minutes" or "agenda"')


def safe_name(text: str) -> str:
    """Return a meeting or a date as one part of a path: clean, without separators and leading dots, not too long.

    Raises UsageError if nothing is left.
    """
    name = _UNSAFE.sub("-", clean(text)).lstrip(".")
    name = name.encode()[:_LONGEST].decode(errors="ignore").strip()
    if not name:
        raise UsageError(f"{text!r} cannot name a meeting's folder")
    return name
