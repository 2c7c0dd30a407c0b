"""What finance/raw/ holds: one entry a file, where it came from, and what became of it last time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from clerk.errors import ClerkError

#: The formats of source files, the best first: of two sources for one filing that have equally many of its schedules,
#: the earlier one counts. A workbook and an e-filing have every column; a sheet's CSV lacks the other sheets; the
#: cal201 export lacks report number, date of filing and Summary; a search lacks transaction ids too.
SOURCE_FORMATS = ("workbook", "efile", "sheet", "cal201", "search")
WORKBOOK, EFILE, SHEET_CSV, CAL201, SEARCH = SOURCE_FORMATS


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a source, or why it is missing.

    `status`: `ok` it was had, `unchanged` it could not be had now and the stored copy counts, `unavailable` there is
    none, `failed` it was had but cannot be used. `file` is its name in finance/raw/, None without one. `year` is None
    where a file may hold several.
    """

    year: int | None
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
    format: str = WORKBOOK

    @property
    def key(self) -> str:
        """Return what identifies the file from night to night: of a workbook its year, else its address."""
        return file_key(self.format, self.year, self.url)

    @property
    def source_id(self) -> int:
        """Return its id in the database, which never changes: of a workbook its year, else a hash of its address."""
        return source_id(self.key)

    def row(self, agency: str) -> tuple[Any, ...]:
        """Return the values of its row of `sources`."""
        what = (self.source_id, agency, self.route, self.url, self.year)
        return (*what, self.fetched_at, self.bytes, self.sha256, self.status, self.detail or None, self.format)

    def kept(self, reason: str) -> SourceFile:
        """Return the same stored file as one that could not be had now."""
        return replace(self, status="unchanged", detail=f"the copy of {self.fetched_at} is used: {reason}")


def file_key(format_: str, year: int | None, url: str) -> str:
    """Return what identifies a file of a source."""
    return str(year) if format_ == WORKBOOK else url


def source_id(key: str) -> int:
    """Return the id of the file with a key: a year, or 48 bits of a hash."""
    return int(key) if key.isdecimal() else int.from_bytes(hashlib.blake2b(key.encode(), digest_size=6).digest())


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files that a database is made from, the best format first, and of a format the oldest year first."""

    agency: str
    municipality: str
    sources: tuple[SourceFile, ...]
    run_id: str = ""
    checked_at: str = ""
    outcome: str = ""  # changed, unchanged
    ignored: tuple[str, ...] = ()  # what was found and is not used, with the reason

    @property
    def loaded(self) -> tuple[SourceFile, ...]:
        """Return the sources that have a file."""
        return tuple(source for source in self.sources if source.file)

    @property
    def rows(self) -> dict[str, int]:
        """Return how many rows each file has."""
        return {source.key: source.rows or 0 for source in self.loaded}

    @property
    def years(self) -> list[int]:
        """Return the years that have a file of their own."""
        return sorted({source.year for source in self.loaded if source.year is not None})

    @property
    def source_rows(self) -> list[tuple[Any, ...]]:
        """Return the rows of `sources`, by id."""
        return sorted(source.row(self.agency) for source in self.sources)

    def fingerprint(self, schema_version: int) -> str:
        """Return what stands for the database that would be made: the files' hashes, and how they are read."""
        files = {source.key: source.sha256 for source in self.loaded}
        text = json.dumps([schema_version, self.agency, self.municipality, files], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> str:
        """Return the text of manifest.json."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"


NOTHING = Manifest("", "", ())


def make(agency: str, municipality: str, sources: Sequence[SourceFile]) -> Manifest:
    """Make a manifest, its sources in order."""
    return Manifest(agency, municipality, tuple(sorted(sources, key=_order)))


def _order(source: SourceFile) -> tuple[int, int, str]:
    return (SOURCE_FORMATS.index(source.format), source.year or 0, source.url)


def load(path: Path) -> Manifest | None:
    """Read manifest.json; None where it is missing. Keys of later versions are ignored."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        known = {field.name for field in fields(SourceFile)}
        sources = [SourceFile(**{key: entry[key] for key in known & entry.keys()}) for entry in content["sources"]]
        manifest = make(content["agency"], content["municipality"], sources)
        ignored = tuple(content.get("ignored", ()))
        return replace(manifest, **{key: content[key] for key in ("run_id", "checked_at", "outcome")}, ignored=ignored)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ClerkError(f"{path} cannot be read ({error}); move it away and run finance-extract again") from None
