"""A year's file, as a workbook: looked at with suspicion before anything is unpacked."""

from __future__ import annotations

import zipfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clerk.archive import ArchiveLimits, BadSource, check_members, member_chunks, reading_member

ARCHIVE_LIMITS = ArchiveLimits()

#: An archive of text files, such as e-filings: more of them than a workbook has parts, and smaller ones.
TEXT_LIMITS = ArchiveLimits(members=20_000, unpacked=1_000_000_000)

#: How a compound file begins: Office before 2007, and any encrypted workbook (MS-CFB 2.2, MS-OFFCRYPTO 2.3.2).
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


#: A member that only one kind of file has, and what is said of that kind.
_OTHER_KINDS = {
    "xl/workbook.bin": "a binary Excel workbook (.xlsb); save it as .xlsx",
    "word/document.xml": "a Word document (.docx), not a workbook",
    "content.xml": "an OpenDocument file (.ods); save it as .xlsx",
}


def workbook_file(path: Path, into: Path, limits: ArchiveLimits = ARCHIVE_LIMITS) -> Path:
    """Return the .xlsx in `path`, itself an .xlsx or a .zip with exactly one, which is unpacked to the file `into`.

    BadSource says what is wrong with it.
    """
    if (size := path.stat().st_size) > limits.bytes:
        raise BadSource(f"{size:,} bytes, more than the {limits.bytes:,} that are allowed")
    with _opened(path) as archive:
        _check_members(archive, limits)
        inner = path if "[Content_Types].xml" in archive.namelist() else _only_workbook(archive, into, limits)
        if inner is path:
            _read_all(archive)
            return path
    with _opened(inner) as workbook:
        _check_members(workbook, limits)
        _read_all(workbook)
    return inner


@contextmanager
def text_archive(path: Path, limits: ArchiveLimits = TEXT_LIMITS) -> Iterator[zipfile.ZipFile]:
    """Open a .zip of text files; BadSource where it is damaged, built to be too much, or has two files of one name."""
    with _opened(path) as archive:
        _check_members(archive, limits)
        names = archive.namelist()
        if len({*names}) < len(names):
            raise BadSource("two files in the archive have the same name")
        yield archive


def member_start(archive: zipfile.ZipFile, name: str, size: int) -> bytes:
    """Return the first bytes of a member."""
    with reading_member(name), archive.open(name) as member:
        return member.read(size)


def unpack(archive: zipfile.ZipFile, name: str, into: Path) -> None:
    """Write a member to the file `into`."""
    with into.open("wb") as file:
        file.writelines(member_chunks(archive, name))


def _read_all(workbook: zipfile.ZipFile) -> None:
    for name in workbook.namelist():
        deque(member_chunks(workbook, name), maxlen=0)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    with path.open("rb") as file:
        start = file.read(512)
        if start[:2] != b"PK":
            raise BadSource(_compound(start + file.read()) if start.startswith(_COMPOUND) else _other(start))
        try:
            archive = zipfile.ZipFile(file)
        except zipfile.BadZipFile as error:
            raise BadSource(f"a damaged zip file: {str(error).lower()}") from None
        with archive:
            yield archive


def _compound(content: bytes) -> str:
    """Say which kind of compound file it is; the names of its parts are in its directory, as UTF-16."""
    if _ENCRYPTED in content:
        return "an encrypted workbook; open it with its password, and save it without one"
    return "an Excel workbook of before 2007 (.xls); save it as .xlsx"


def _other(start: bytes) -> str:
    return f"not a zip file or a workbook: it {_begins(start)}"


def _begins(content: bytes) -> str:
    start = content[:200].lstrip().lower()
    if not start:
        return "is empty"
    return "is a web page" if start.startswith((b"<!doctype", b"<html")) else f"begins with {content[:8]!r}"


def _check_members(archive: zipfile.ZipFile, limits: ArchiveLimits) -> None:
    names = set(archive.namelist())
    if kind := next((kind for name, kind in _OTHER_KINDS.items() if name in names), None):
        raise BadSource(kind)
    check_members(archive, limits)


def _only_workbook(archive: zipfile.ZipFile, into: Path, limits: ArchiveLimits) -> Path:
    files = [name for name in archive.namelist() if not name.endswith("/") and "__MACOSX/" not in name]
    names = [name for name in files if name.lower().endswith(".xlsx")]
    if len(names) != 1:
        found = ", ".join(repr(name) for name in sorted(names or files)[:5])
        holds = f"this one holds {found}" if names else f"this one holds none{f', but {found}' if found else ''}"
        raise BadSource(f"a zip file must hold exactly one .xlsx; {holds}")
    if (size := archive.getinfo(names[0]).file_size) > limits.bytes:
        raise BadSource(f"{names[0]!r} has {size:,} bytes, more than the {limits.bytes:,} that are allowed")
    unpack(archive, names[0], into)
    return into
