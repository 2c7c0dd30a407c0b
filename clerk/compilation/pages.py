"""The tree of texts that OCR leaves: {meeting}/{date}/{n}.txt, read in the order in which a person would."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any

#: The folder of a second, third... meeting of one body on one day: 2026-08-03.2, 2026-08-03.3...
_ANOTHER = re.compile(r"(\d{4}-\d\d-\d\d)\.(\d+)", re.ASCII)
#: Characters of a folder's name that mean something else in an address.
_IN_ADDRESSES = str.maketrans({character: f"%{ord(character):02X}" for character in '%?#"<>\\'})

_PAGE = re.compile(r"(\d+)\.txt", re.ASCII)


@dataclass(slots=True)
class PageFile:
    """A page of the tree; `date` is its folder's name, `page_image_path` where readers look for its image."""

    meeting: str
    date: str
    page_num: int
    text: str
    page_image_path: str

    @property
    def day(self) -> str:
        """Return the date without the number of a further meeting."""
        return split_date(self.date)[0]


@dataclass(frozen=True, slots=True)
class MeetingDateGroup:
    """The pages of one document, as indices into the list that was grouped."""

    meeting: str
    date: str
    page_indices: list[int]


def split_date(folder: str) -> tuple[str, int]:
    """Return the day, and which of the body's meetings on it: ("2026-08-03", 2) for 2026-08-03.2."""
    match = _ANOTHER.fullmatch(folder)
    return (match[1], int(match[2])) if match else (folder, 1)


def documents(txt_dir: Path) -> Iterator[tuple[Path, list[PageFile]]]:
    """Yield each document's folder and pages, by meeting, day, meeting of the day, and number; skip hidden names."""
    for meeting in _folders(txt_dir):
        for folder in sorted(_folders(meeting), key=lambda folder: (*split_date(folder.name), folder.name)):
            if pages := _pages(folder):
                yield folder, pages


def without_repeats(
    tree: Iterable[tuple[Path, list[PageFile]]], packets: Mapping[tuple[str, str], tuple[str, str]]
) -> Iterator[tuple[Path, list[PageFile]]]:
    """Yield documents without the pages of packets that say the same as a page of the document they were made from.

    `packets` is {(meeting, date): (meeting, date) of that document}; white space and punctuation do not matter.
    """
    said: dict[tuple[str, str], set[str]] = {main: set() for main in packets.values()}
    for folder, pages in tree:
        place = (folder.parent.name, folder.name)
        if place in said:
            said[place].update(filter(None, (_words(page) for page in pages)))
        repeated = said[packets[place]] if place in packets else set()
        if kept := [page for page in pages if not repeated or _words(page) not in repeated]:
            yield folder, kept


def _words(page: PageFile) -> str:
    return " ".join(re.findall(r"\w+", page.text.casefold()))


def collect_page_files(txt_dir: str | Path) -> list[PageFile]:
    """Return every page of a tree, in order; none if the tree is not there."""
    return [page for _, pages in documents(Path(txt_dir)) for page in pages]


def group_pages_by_meeting_date(page_files: list[PageFile]) -> list[MeetingDateGroup]:
    """Group neighbours that belong to one document."""
    return [
        MeetingDateGroup(meeting, date, [index for index, _ in group])
        for (meeting, date), group in groupby(enumerate(page_files), key=lambda item: (item[1].meeting, item[1].date))
    ]


def hash_text_content(text: str) -> str:
    """Return the sha256 of a text, in hexadecimal; an extraction is valid for one hash."""
    return sha256(text.encode()).hexdigest()


def extraction_of(folder: Path, page: PageFile) -> dict[str, Any] | None:
    """Return what was extracted from exactly this text, if it was; a stale or broken cache counts as missing."""
    try:
        cache = json.loads((folder / f"{page.page_num:04d}.txt.extracted.json").read_text(encoding="utf-8"))
        return cache if cache["content_hash"] == hash_text_content(page.text) else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _folders(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    return sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))


def _pages(folder: Path) -> list[PageFile]:
    # Of 1.txt and 0001.txt the first, which sorts last, is the page: it is how pages are written today.
    found = map(_PAGE.fullmatch, sorted(path.name for path in folder.iterdir()))
    names = {int(match[1]): match for match in found if match}
    meeting, date = folder.parent.name, folder.name
    place = f"/{meeting}/{date}".translate(_IN_ADDRESSES)
    return [
        PageFile(meeting, date, number, _text(folder / name[0]), f"{place}/{name[1]}.png")
        for number, name in sorted(names.items())
    ]


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")
