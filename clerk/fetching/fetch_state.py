"""The state of a site between two fetches, in one JSON file: its events and the versions of its documents."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from clerk.fetching.layout import safe_name
from clerk.fetching.listing import Kind
from clerk.fetching.visitor import Validators

FILE_NAME = "fetch_state.json"
FORMAT = 1

#: The longest pause between two tries of a document that is unavailable or damaged.
LONGEST_PAUSE_OF_OWED = timedelta(days=32)


@dataclass(frozen=True, slots=True)
class Record:
    """One document as of the last fetch; `unavailable` if the server did not serve it.

    One that was not downloaded is `owed`: the next fetches ask for it even if the source no longer lists it, and if it
    is unavailable or damaged, after a pause that grows with the number of `tries`.
    """

    where: str  # meeting/stem
    version: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    sha256: str | None = None
    unavailable: str | None = None  # why
    owed: str | None = None  # its address
    tries: int | None = None  # how often it was unavailable or damaged in a row
    asked: str | None = None  # the day of the last try
    title: str | None = None
    withdrawn: str | None = None  # the day from which on the source no longer listed it

    def place(self, key: str) -> tuple[str, str, str]:
        """Return the kind, the meeting and the date of the document, which has this key."""
        meeting, _, stem = self.where.rpartition("/")
        return kind_of_key(key), meeting, stem

    @property
    def validators(self) -> Validators:
        """What the server said identifies this version."""
        return Validators(self.etag, self.last_modified)

    def is_due(self, today: date) -> bool:
        """Return whether to try again: at the next fetch, then after 1, 2, 4 days, and so on up to 32 days."""
        if not self.tries or self.tries == 1 or not self.asked:
            return True
        pause = min(timedelta(days=2 ** min(self.tries - 2, 10)), LONGEST_PAUSE_OF_OWED)
        return today >= date.fromisoformat(self.asked) + pause


@dataclass(slots=True)
class FetchState:
    """One site's state; `events` holds the source's ids by meeting and day, in the order of their file names."""

    source: str = ""
    last_run: datetime | None = None  # when the last complete fetch began, UTC
    listed_from: date | None = None  # the earliest day that was ever listed
    events: dict[str, list[str]] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)

    def stem(self, meeting: str, day: date, event_id: str) -> str:
        """Return the file name, without suffix, of a meeting's documents: the day, then the day with .2, .3, and so on.

        An event keeps its name, however many meetings the body has that day.
        """
        known = self.events.setdefault(f"{safe_name(meeting)}/{day.isoformat()}", [])
        if event_id not in known:
            known.append(event_id)
        number = known.index(event_id) + 1
        return day.isoformat() if number == 1 else f"{day.isoformat()}.{number}"

    @property
    def owed(self) -> list[tuple[str, str, str]]:
        """The kind, the meeting and the date of each document that was not downloaded."""
        return [record.place(key) for key, record in self.records.items() if record.owed or record.unavailable]

    def dump(self) -> str:
        """Return the file's content."""
        content = {
            "format": FORMAT,
            "source": self.source,
            "last_run": self.last_run.isoformat() if self.last_run else None,
            "listed_from": self.listed_from.isoformat() if self.listed_from else None,
            "events": self.events,
            "records": {key: _short(record) for key, record in self.records.items()},
        }
        return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)


def kind_of_key(key: str) -> Kind:
    """Return the kind of a record's document: its key is EVENT/KIND, or EVENT/KIND/PART."""
    return "agenda" if f"{key}/".rpartition("/agenda/")[1] else "minutes"


def load_state(path: Path, *, source: str | None = None) -> FetchState:
    """Read a site's state; return a new one if the file is missing or belongs to another source.

    Without `source` any source is right. Raises ValueError if the file is damaged.
    """
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return FetchState(source or "")
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")
    source = content.get("source") if source is None else source
    if content.get("format") != FORMAT or content.get("source") != source:
        return FetchState(source or "")
    last_run, listed_from = content.get("last_run"), content.get("listed_from")
    try:
        return FetchState(
            source=str(source),
            last_run=datetime.fromisoformat(last_run) if last_run else None,
            listed_from=date.fromisoformat(listed_from) if listed_from else None,
            events={where: list(map(str, ids)) for where, ids in content.get("events", {}).items()},
            records={key: Record(**record) for key, record in content.get("records", {}).items()},
        )
    except (AttributeError, TypeError) as error:
        raise ValueError(str(error)) from None


def _short(record: Record) -> dict[str, Any]:
    return {name: value for name, value in asdict(record).items() if value is not None}
