"""Archives from other people's servers: looked at with suspicion before anything is unpacked."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clerk.errors import ClerkError

_CHUNK = 1 << 20


class BadSource(ClerkError):
    """A file that cannot be used: not what it should be, damaged, or too large."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What an archive may hold; the defaults fit workbooks: a real one is under 30 MB, and expands to under 400 MB."""

    bytes: int = 250_000_000
    members: int = 200
    unpacked: int = 4_000_000_000  # bytes
    ratio: int = 250  # deflate reaches 1032; real sheets stay under 60
    ratio_from: int = 10_000_000  # bytes; anything is allowed to be small


@contextmanager
def open_archive(path: Path, limits: ArchiveLimits | None = None) -> Iterator[zipfile.ZipFile]:
    """Open a .zip that is within the limits, by its size and by what its directory says; read it by `member_chunks`.

    Raises BadSource if it is damaged, encrypted, built to expand too much, or names a file outside itself.
    """
    limits = limits or ArchiveLimits()
    if (size := path.stat().st_size) > limits.bytes:
        raise BadSource(f"{size:,} bytes, more than the {limits.bytes:,} that are allowed")
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise BadSource(f"a damaged zip file: {str(error).lower()}") from None
    with archive:
        check_members(archive, limits)
        yield archive


def check_members(archive: zipfile.ZipFile, limits: ArchiveLimits) -> None:
    """Raise BadSource if the members, as the directory lists them, are too many, too large or not to be trusted."""
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


def member_chunks(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """Yield a member to its end, where zipfile checks its size and its checksum; BadSource if it is damaged."""
    with reading_member(name), archive.open(name) as member:
        yield from iter(lambda: member.read(_CHUNK), b"")


@contextmanager
def reading_member(name: str) -> Iterator[None]:
    """Raise BadSource where a member cannot be read in a with block."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError) as error:
        raise BadSource(f"{name} in the archive is damaged: {error}") from None
