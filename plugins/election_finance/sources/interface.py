"""What every source of a site's money offers, and what comes of asking it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from clerk.fetching.http_errors import Refusal
from clerk.fetching.visitor import Validators
from plugins.election_finance.errors import BadSource
from plugins.election_finance.manifest import WORKBOOK, file_key
from plugins.election_finance.site_paths import FinanceSite
from plugins.election_finance.workbook import Workbook


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came of asking for one file: the file, a word that ours is still the newest, or the error.

    `year` is None for a file that may hold several; `route` is how it came.
    """

    year: int | None
    route: str
    url: str
    path: Path | None = None
    suffix: str = ".zip"
    fetched_at: str = ""
    validators: Validators = field(default_factory=Validators)
    note: str = ""
    error: BadSource | Refusal | None = None
    format: str = WORKBOOK

    @property
    def key(self) -> str:
        """Return what identifies the file from night to night."""
        return file_key(self.format, self.year, self.url)


@dataclass(frozen=True, slots=True)
class Asking:
    """What a source is asked for: the files of a site for some years, into the folder `work`.

    A file whose validators are `known`, by its key, is downloaded only if it has changed; `stored` are the files that
    are in place, by key. `say` names what is being
    done, and may raise to stop.
    """

    site: FinanceSite
    years: range
    work: Path
    known: Mapping[str, Validators]
    stored: Mapping[str, Path]
    say: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Offer:
    """What a source may have for a site: whether it is fetched without help, and what a person can do to get it."""

    format: str
    title: str
    is_fetched: bool
    action: str


class Source(Protocol):
    """A kind of files with a site's money: where they are found, and how they are read."""

    format: str

    def offer(self, site: FinanceSite) -> Offer | None:
        """Return what the source may have for a site; None if it has nothing for sites like this."""

    def fetch(self, asking: Asking) -> Iterator[Arrival]:
        """Yield what came of asking for each file; nothing where no address is known, or programs are not welcome."""

    def recognises(self, start: str) -> bool:
        """Return whether a text file of the drop folder that starts like this is one of the source's."""

    def read(self, path: Path, url: str, into: Path) -> Workbook:
        """Return a file's rows as sheets of a yearly workbook, kept in files beside `into`.

        `url` is where it came from. BadSource says what is wrong with it.
        """
