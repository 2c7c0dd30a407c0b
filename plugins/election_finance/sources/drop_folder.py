"""A site's drop folder: files that a person downloaded, of any source; what each is, its content says."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from clerk.visible import visible
from plugins.election_finance.archive import member_start, text_archive, unpack
from plugins.election_finance.errors import BadSource
from plugins.election_finance.manifest import EFILE, SourceFile, source_id
from plugins.election_finance.sources.interface import Arrival
from plugins.election_finance.sources.known import KNOWN_SOURCES

#: The kinds of workbooks that are read, and those that are looked at too, so as to name their kind.
_READ = (".xlsx", ".zip")
_SPREADSHEETS = (*_READ, ".xls", ".xlsb", ".xlsm", ".ods")
_TEXTS = (".csv", ".txt", ".cal")

#: How much of a text file is looked at to see what it is, in bytes.
_START = 1 << 16

_YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")
_NOT_READ = "only .xlsx files, .csv files, e-filings (.txt), and .zip files that hold these, are read"
_UNKNOWN_TEXT = (
    "it is no file of a known source: an e-filing begins with HDR,CAL; a CSV has the columns of a cal201 export or of "
    "one sheet of a workbook"
)


@dataclass(frozen=True, slots=True)
class TextFile:
    """A text file of the drop folder, or a member of an archive there; `format` is None if it is not known."""

    path: Path
    member: str | None
    format: str | None

    @property
    def name(self) -> str:
        """Return its name as one line of text."""
        return shown(self.path) + (f"/{visible(self.member)}" if self.member else "")

    @property
    def url(self) -> str:
        """Return where it is."""
        return f"drop/{self.name}"


def from_drop(folder: Path, work: Path, say: Callable[[str], None]) -> Iterator[Arrival]:
    """Yield the files of a drop folder, copied to `work`; of two workbooks for a year the newer one."""
    for year, (path, others) in sorted(drop_files(folder).items()):
        note = ", ".join(f"{shown(other)} is not used" for other in others)
        about = Arrival(year, "drop", f"drop/{shown(path)}", suffix=path.suffix.lower(), note=note)
        yield _copied(about, path, partial(shutil.copyfile, path), work / f"{year}{about.suffix}", say)
    for path in _entries(folder):
        try:
            yield from _texts_from(path, work, say)
        except BadSource as error:
            yield Arrival(None, "drop", f"drop/{shown(path)}", error=error, format=EFILE)


def _texts_from(path: Path, work: Path, say: Callable[[str], None]) -> Iterator[Arrival]:
    """Yield a text file, or those of an archive, as far as a source knows them."""
    known = [file for file in _texts_of(path) if file.format]
    with text_archive(path) if path.suffix.lower() == ".zip" else nullcontext() as archive:
        for file in known:
            suffix = Path(file.member or path.name).suffix.lower()
            about = Arrival(None, "drop", file.url, suffix=suffix, format=str(file.format))
            write = partial(unpack, archive, file.member) if archive and file.member else partial(shutil.copyfile, path)
            yield _copied(about, path, write, work / f"{source_id(file.url)}{suffix}", say)


def _copied(
    about: Arrival, path: Path, write: Callable[[Path], object], copy: Path, say: Callable[[str], None]
) -> Arrival:
    say(f"copying {about.url.removeprefix('drop/')}")
    try:
        write(copy)
        modified = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
        return replace(about, path=copy, fetched_at=modified)
    except BadSource as error:
        return replace(about, error=error)
    except OSError as error:
        return replace(about, error=BadSource(f"{shown(path)} cannot be read: {error.strerror or error}"))


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


def ignored_files(folder: Path, sources: Iterable[SourceFile] = ()) -> list[str]:
    """Return what is said of everything in a folder that is not used: "NAME is not used: REASON"."""
    if not folder.is_dir():
        return []
    years = drop_files(folder)
    used = {path: year for year, (path, _others) in years.items()}
    better = {other: path for path, others in years.values() for other in others}
    failed = {source.key: source.detail for source in sources if source.status != "ok"}
    reasons = {
        shown(path): failed.get(str(used[path])) if path in used else _why_not_used(path, better.get(path))
        for path in folder.iterdir()
        if not _is_text(path)
    }
    reasons |= {name: reason for path in _entries(folder) for name, reason in _unused_texts(path, failed)}
    return sorted(f"{name} is not used: {reason}" for name, reason in reasons.items() if reason)


def _unused_texts(path: Path, failed: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    """Yield the text files in a path with the reason why each is not used, None where it is used."""
    try:
        for file in _texts_of(path):
            yield file.name, failed.get(file.url) if file.format else _UNKNOWN_TEXT
    except BadSource as error:
        yield shown(path), visible(str(error))


def _why_not_used(path: Path, better: Path | None) -> str:
    if better:
        return f"{shown(better)} is for the same year, and {'newer' if _is_readable(better, path) else 'can be read'}"
    if path.name.startswith((".", "~")):
        return "hidden files and lock files are not read"
    if path.is_dir():
        return "it is a folder; put its files into the drop folder itself"
    if path.suffix.lower() not in _SPREADSHEETS:
        return _NOT_READ
    if path.suffix.lower() == ".zip" and not zipfile.is_zipfile(path):
        return "a damaged zip file; get it again"
    return "its name has no year; rename it to end in one, like 2024.xlsx"


def shown(path: Path) -> str:
    """Return a file's name as one line of text."""
    return visible(path.name)


def _workbooks(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.suffix.lower() in _SPREADSHEETS and not path.name.startswith((".", "~")) and not _is_text(path):
            yield path


def _entries(folder: Path) -> list[Path]:
    """Return the text files of a folder, and its archives of text files."""
    return sorted(path for path in folder.iterdir() if _is_text(path))


def _is_text(path: Path) -> bool:
    if path.name.startswith((".", "~")) or path.is_dir():
        return False
    return path.suffix.lower() in _TEXTS or (path.suffix.lower() == ".zip" and _holds_texts(path))


def _holds_texts(path: Path) -> bool:
    """Return whether a zip file holds text files and no workbook."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.lower() for name in archive.namelist()]
    except (OSError, zipfile.BadZipFile):
        return False
    is_workbook = any(name.endswith(".xlsx") or name == "[content_types].xml" for name in names)
    return not is_workbook and any(name.endswith(_TEXTS) for name in names)


def _texts_of(path: Path) -> Iterator[TextFile]:
    """Yield a text file, or the members of an archive, with what they are; BadSource where it cannot be read."""
    if path.suffix.lower() != ".zip":
        try:
            with path.open("rb") as file:
                yield TextFile(path, None, _format(file.read(_START)))
        except OSError as error:
            raise BadSource(f"{shown(path)} cannot be read: {error.strerror or error}") from None
        return
    with text_archive(path) as archive:
        for name in sorted(archive.namelist()):
            if not name.endswith("/") and "__MACOSX/" not in name:
                yield TextFile(path, name, _format(member_start(archive, name, _START)))


def _format(start: bytes) -> str | None:
    """Return the format of a text file that starts like this, None if no source knows it."""
    text = start.decode("utf-8-sig", errors="replace").lstrip()
    return next((source.format for source in KNOWN_SOURCES.values() if text and source.recognises(text)), None)


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
