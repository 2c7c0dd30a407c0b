"""Where a site's yearly files come from: its drop folder, else NetFile's directory of ZIP files."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from clerk.fetching.http_errors import Refusal
from clerk.fetching.visitor import FileType, TooLarge, Trouble, Validators, VisitLimits, Visitor, user_agent
from clerk.visible import visible
from plugins.election_finance.agencies import file_url
from plugins.election_finance.archive import ARCHIVE_LIMITS
from plugins.election_finance.errors import BadSource
from plugins.election_finance.manifest import Source

#: The first year asked for when a site does not say; years that an agency does not have are simply not there.
FIRST_YEAR = 2010

#: After so many years in a row that failed because of the network, the rest is not tried.
_GIVE_UP = 2

_ZIP = FileType("a zip file", b"PK", within=2)

_REFUSED = "access refused"
_MEANINGS = {401: _REFUSED, 403: _REFUSED, 404: "no such year", 410: "no such year"}

#: The kinds of files that are read, and those that are looked at too, so as to name their kind.
_READ = (".xlsx", ".zip")
_SPREADSHEETS = (*_READ, ".xls", ".xlsb", ".xlsm", ".ods")

_YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came of asking for one year: a file, a word that ours is still the newest, or the error."""

    year: int
    route: str
    url: str
    path: Path | None = None
    suffix: str = ".zip"
    fetched_at: str = ""
    validators: Validators = field(default_factory=Validators)
    note: str = ""
    error: BadSource | Refusal | None = None


def from_drop(folder: Path, work: Path, say: Callable[[str], None]) -> Iterator[Arrival]:
    """Yield the files of a drop folder, copied to `work`; of two for a year the newer one."""
    for year, (path, others) in sorted(drop_files(folder).items()):
        say(f"copying {shown(path)}")
        copy = work / f"{year}{path.suffix.lower()}"
        route, url = "drop", f"drop/{shown(path)}"
        try:
            shutil.copyfile(path, copy)
            modified = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
            note = ", ".join(f"{shown(other)} is not used" for other in others)
            yield Arrival(year, route, url, copy, copy.suffix, modified, note=note)
        except OSError as error:
            reason = BadSource(f"{shown(path)} cannot be read: {error.strerror or error}")
            yield Arrival(year, route, url, error=reason)


def drop_files(folder: Path) -> Mapping[int, tuple[Path, list[Path]]]:
    """Return {year: (the newest file, the others)} of the workbooks in a folder, the year from the file's name.

    A file of another kind of spreadsheet comes after those that can be read; alone, it says why its year is missing.
    """
    found: dict[int, list[Path]] = {}
    for path in _workbooks(folder):
        if year := _year(path.stem):
            found.setdefault(year, []).append(path)
    best_first = {year: sorted(paths, key=_preference, reverse=True) for year, paths in found.items()}
    return {year: (paths[0], paths[1:]) for year, paths in best_first.items()}


def ignored_files(folder: Path, sources: Iterable[Source] = ()) -> list[str]:
    """Return what is said of everything in a folder that is not used: "NAME is not used: REASON"."""
    if not folder.is_dir():
        return []
    years = drop_files(folder)
    used = {path: year for year, (path, _others) in years.items()}
    better = {other: path for path, others in years.values() for other in others}
    failed = {source.year: source.detail for source in sources if source.status != "ok"}
    reasons = {
        path: failed.get(used[path]) if path in used else _why_not_used(path, better.get(path))
        for path in folder.iterdir()
    }
    return sorted(f"{shown(path)} is not used: {reason}" for path, reason in reasons.items() if reason)


def _why_not_used(path: Path, better: Path | None) -> str:
    if better:
        return f"{shown(better)} is for the same year, and {'newer' if _is_readable(better, path) else 'can be read'}"
    if path.name.startswith((".", "~")):
        return "hidden files and lock files are not read"
    if path.is_dir():
        return "it is a folder; put its files into the drop folder itself"
    if path.suffix.lower() not in _SPREADSHEETS:
        return "only .xlsx files, and .zip files that hold one, are read"
    return "its name has no year; rename it to end in one, like 2024.xlsx"


def shown(path: Path) -> str:
    """Return a file's name as one line of text."""
    return visible(path.name)


def _workbooks(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.suffix.lower() in _SPREADSHEETS and not path.name.startswith((".", "~")):
            yield path


def _is_readable(*paths: Path) -> bool:
    return all(path.suffix.lower() in _READ for path in paths)


def _preference(path: Path) -> tuple[bool, int, str]:
    return (_is_readable(path), *_age(path))


def _year(stem: str) -> int | None:
    """Return the last year in a name (`efile_COAK_2013 (1)`: 2013), else what its last four digits say."""
    years = _YEAR.findall(stem) or re.findall(r"(?:19|20)\d\d$", re.sub(r"\D", "", stem))
    return int(years[-1]) if years else None


def _age(path: Path) -> tuple[int, str]:
    try:
        return (path.stat().st_mtime_ns, path.name)
    except OSError:  # a link to nowhere; any other file of the year is better
        return (-1, path.name)


def make_visitor(base: str, limits: VisitLimits | None = None) -> Visitor:
    """Return the visitor of NetFile's server at `base`."""
    return Visitor(
        allowed=[base],
        limits=limits or VisitLimits(size=ARCHIVE_LIMITS.bytes, pause=0.2),
        headers={"User-Agent": user_agent("election finance")},
        meanings=_MEANINGS,
    )


@dataclass(frozen=True, slots=True)
class Served:
    """NetFile's directory of an agency: one ZIP a year."""

    visitor: Visitor
    base: str
    shortcut: str

    def files(
        self, years: range, work: Path, known: Mapping[int, Validators], say: Callable[[str], None]
    ) -> Iterator[Arrival]:
        """Yield what came of each year; a year whose validators are `known` is downloaded only if it has changed."""
        failed_in_a_row = 0
        for year in years:
            url = file_url(self.base, self.shortcut, year)
            if failed_in_a_row >= _GIVE_UP:
                error = Trouble("not tried, since the server did not answer for other years")
                yield Arrival(year, "netfile", url, error=error)
                continue
            say(f"downloading {year}")
            arrival = self._file(year, url, work / f"{year}.zip", known.get(year))
            failed_in_a_row = failed_in_a_row + 1 if isinstance(arrival.error, Trouble) else 0
            yield arrival

    def _file(self, year: int, url: str, target: Path, known: Validators | None) -> Arrival:
        fetched_at = datetime.now(UTC).isoformat(timespec="seconds")
        try:
            found = self.visitor.download(url, target, known=known, expected=_ZIP)
        except TooLarge as error:
            return Arrival(year, "netfile", url, error=BadSource(str(error)))
        except Refusal as error:
            return Arrival(year, "netfile", url, error=error)
        path = None if found is None else target
        return Arrival(year, "netfile", url, path, fetched_at=fetched_at, validators=found or known or Validators())
