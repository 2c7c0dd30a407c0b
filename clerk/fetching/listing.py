"""The meetings that a source lists, with the files published for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal, get_args

from clerk.fetching.cleaning import clean

Kind = Literal["minutes", "agenda"]


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file as a source lists it; `version` changes with the file, None where the source has no such value.

    A meeting has one file of a kind without a `part`; others, such as an addendum, have one that never changes.
    """

    kind: Kind
    url: str
    version: str | None = None
    part: str = ""
    title: str = ""

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"a file's kind is {' or '.join(get_args(Kind))}, not {self.kind!r}")
        for name in ("part", "title"):
            object.__setattr__(self, name, clean(getattr(self, name)))
        if self.version is not None:
            object.__setattr__(self, "version", clean(self.version))


def parts_of(files: Sequence[PublishedFile]) -> list[PublishedFile]:
    """Return a meeting's files of one kind, the first as the main one, each other with its own part.

    Made from the part that it has, else from its title; of two with the same the second is "… 2".
    """
    seen: Counter[str] = Counter()
    named = []
    for number, file in enumerate(files):
        name = (file.part or file.title).lower() or "file"
        seen[name] += 1
        named.append(replace(file, part="" if number == 0 else f"{name} {seen[name]}".removesuffix(" 1")))
    return named


@dataclass(frozen=True, slots=True)
class Meeting:
    """A meeting as a source lists it; `event_id` is the source's own and never changes.

    `url` is the address of the city's page about it. A fetcher lists `body` as the city writes it; `listed_as` keeps
    that once `body` is the name of a folder.
    """

    event_id: str
    body: str
    day: date  # where the meeting takes place
    files: tuple[PublishedFile, ...] = ()
    url: str = ""
    listed_as: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "event_id", clean(self.event_id))
        object.__setattr__(self, "files", tuple(self.files))
        object.__setattr__(self, "body", clean(self.body) or "Meeting")
        object.__setattr__(self, "listed_as", self.listed_as or self.body)


@dataclass(frozen=True, slots=True)
class Window:
    """Which meetings to list: those from `start` to `end`, and those changed since `changed_since`, if it is given."""

    start: date
    end: date
    changed_since: datetime | None = None
    earliest: date = field(default=date.min)  # no meeting before this one, changed or not

    def years(self) -> range:
        """Return the years that the window touches."""
        return range(self.start.year, self.end.year + 1)

    def __contains__(self, day: date) -> bool:
        """Return whether to list the meetings of this day."""
        return self.start <= day <= self.end
