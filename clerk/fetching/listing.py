"""The meetings that a source lists, with the files published for each."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

Kind = Literal["minutes", "agenda"]


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file as a source lists it; `version` changes with the file, None where the source has no such value."""

    kind: Kind
    url: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Meeting:
    """A meeting as a source lists it; `event_id` is the source's own and never changes."""

    event_id: str
    body: str
    day: date  # where the meeting takes place
    files: tuple[PublishedFile, ...] = ()


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
