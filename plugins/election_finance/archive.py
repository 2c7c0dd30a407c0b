"""A year's file, as a workbook's bytes: looked at with suspicion before anything is unpacked."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from plugins.election_finance.errors import BadSource


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What a year's file may hold; a real one is under 30 MB and expands to less than 400 MB of XML."""

    bytes: int = 100_000_000
    members: int = 200
    unpacked: int = 1_000_000_000
    ratio: int = 250  # deflate reaches 1032; real sheets stay under 60
    ratio_from: int = 10_000_000  # bytes; anything is allowed to be small


ARCHIVE_LIMITS = ArchiveLimits()

_CHUNK = 1 << 20


def workbook_bytes(path: Path, limits: ArchiveLimits = ARCHIVE_LIMITS) -> bytes:
    """Return the .xlsx in `path`, itself an .xlsx or a .zip with exactly one; BadSource says what is wrong with it."""
    size = path.stat().st_size
    if size > limits.bytes:
        raise BadSource(f"{size:,} bytes, more than the {limits.bytes:,} that are allowed")
    content = path.read_bytes()
    with _opened(content) as archive:
        _check_members(archive, limits)
        inner = content if "[Content_Types].xml" in archive.namelist() else _only_workbook(archive, limits)
    with _opened(inner) as workbook:
        _check_members(workbook, limits)
        for name in workbook.namelist():
            deque(_chunks(workbook, name), maxlen=0)
    return inner


def _opened(content: bytes) -> zipfile.ZipFile:
    if content[:2] != b"PK":
        raise BadSource(f"not a zip file or a workbook: it {_begins(content)}")
    try:
        return zipfile.ZipFile(io.BytesIO(content))
    except zipfile.BadZipFile as error:
        raise BadSource(f"a damaged zip file: {str(error).lower()}") from None


def _begins(content: bytes) -> str:
    start = content[:200].lstrip().lower()
    if not start:
        return "is empty"
    return "is a web page" if start.startswith((b"<!doctype", b"<html")) else f"begins with {content[:8]!r}"


def _check_members(archive: zipfile.ZipFile, limits: ArchiveLimits) -> None:
    members = archive.infolist()
    unpacked = sum(member.file_size for member in members)
    if len(members) > limits.members:
        raise BadSource(f"{len(members):,} files in the archive, more than {limits.members}")
    if unpacked > limits.unpacked:
        raise BadSource(f"it would unpack to {unpacked:,} bytes, more than {limits.unpacked:,}")
    for member in members:
        if member.filename.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", member.filename):
            raise BadSource(f"the archive names a file outside itself: {member.filename!r}")
        if member.flag_bits & 1:
            raise BadSource(f"{member.filename!r} is encrypted")
        if member.file_size > limits.ratio_from and member.file_size > limits.ratio * member.compress_size:
            raise BadSource(f"{member.filename!r} expands more than {limits.ratio} times: a zip bomb")


def _only_workbook(archive: zipfile.ZipFile, limits: ArchiveLimits) -> bytes:
    names = [name for name in archive.namelist() if name.lower().endswith(".xlsx") and "__MACOSX/" not in name]
    if len(names) != 1:
        found = ", ".join(sorted(names)[:5]) or "none"
        raise BadSource(f"a zip file must hold exactly one .xlsx; this one holds {found}")
    if (size := archive.getinfo(names[0]).file_size) > limits.bytes:
        raise BadSource(f"{names[0]!r} has {size:,} bytes, more than the {limits.bytes:,} that are allowed")
    return b"".join(_chunks(archive, names[0]))


def _chunks(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """Read a member to its end, which is what makes zipfile check its size and its checksum."""
    try:
        with archive.open(name) as member:
            yield from iter(lambda: member.read(_CHUNK), b"")
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError) as error:
        raise BadSource(f"{name} in the archive is damaged: {error}") from None
