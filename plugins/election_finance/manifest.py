"""What finance/raw/ holds: one entry a year, where each file came from, and what became of it last time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from clerk.errors import ClerkError


@dataclass(frozen=True, slots=True)
class Source:
    """One year's file, or why it is missing.

    `status`: `ok` it was had, `unchanged` it could not be had now and the stored copy counts, `unavailable` there is
    none, `failed` it was had but cannot be used. `file` is its name in finance/raw/, None without one.
    """

    year: int
    route: str
    url: str
    status: str
    detail: str = ""
    file: str | None = None
    fetched_at: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    rows: int | None = None
    etag: str | None = None
    last_modified: str | None = None

    def row(self, agency: str) -> tuple[Any, ...]:
        """Return the values of its row of `sources`; the year is its id, so that ids never change."""
        what = (self.year, agency, self.route, self.url, self.year)
        return (*what, self.fetched_at, self.bytes, self.sha256, self.status, self.detail or None)

    def kept(self, reason: str) -> Source:
        """Return the same stored file as one that could not be had now."""
        return replace(self, status="unchanged", detail=f"the copy of {self.fetched_at} is used: {reason}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files that a database is made from, oldest year first."""

    agency: str
    municipality: str
    sources: tuple[Source, ...]
    run_id: str = ""
    checked_at: str = ""
    outcome: str = ""  # changed, unchanged
    ignored: tuple[str, ...] = ()  # what was found and is not used, with the reason

    @property
    def loaded(self) -> tuple[Source, ...]:
        """Return the sources that have a file."""
        return tuple(source for source in self.sources if source.file)

    @property
    def rows(self) -> dict[int, int]:
        """Return how many rows each year has."""
        return {source.year: source.rows or 0 for source in self.loaded}

    @property
    def source_rows(self) -> list[tuple[Any, ...]]:
        """Return the rows of `sources`."""
        return [source.row(self.agency) for source in self.sources]

    def fingerprint(self, schema_version: int) -> str:
        """Return what stands for the database that would be made: the files' hashes, and how they are read."""
        files = {str(source.year): source.sha256 for source in self.loaded}
        text = json.dumps([schema_version, self.agency, self.municipality, files], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> str:
        """Return the text of manifest.json."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"


NOTHING = Manifest("", "", ())


def make(agency: str, municipality: str, sources: Sequence[Source]) -> Manifest:
    """Make a manifest, its sources ordered by year."""
    return Manifest(agency, municipality, tuple(sorted(sources, key=lambda source: source.year)))


def load(path: Path) -> Manifest | None:
    """Read manifest.json; None where it is missing. Keys of later versions are ignored."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        known = {field.name for field in fields(Source)}
        sources = [Source(**{key: entry[key] for key in known & entry.keys()}) for entry in content["sources"]]
        manifest = make(content["agency"], content["municipality"], sources)
        ignored = tuple(content.get("ignored", ()))
        return replace(manifest, **{key: content[key] for key in ("run_id", "checked_at", "outcome")}, ignored=ignored)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ClerkError(f"{path} cannot be read ({error}); move it away and run finance-extract again") from None
