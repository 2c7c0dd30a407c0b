"""A plugin's archives are checked before they are read."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from clerk.archive import ArchiveLimits, BadSource, member_chunks, open_archive


def made(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_an_archive_within_its_limits_is_read(tmp_path: Path) -> None:
    with open_archive(made(tmp_path / "a.zip", a=b"one")) as archive:
        assert b"".join(member_chunks(archive, "a")) == b"one"


@pytest.mark.parametrize(
    ("members", "limits", "error"),
    [
        ({"a": b"x" * 100}, ArchiveLimits(bytes=10), "more than the 10 that are allowed"),
        ({"a": b"", "b": b""}, ArchiveLimits(members=1), "2 files in the archive"),
        ({"a": b"x" * 100}, ArchiveLimits(unpacked=99), "unpack to 100 bytes"),
        ({"a": b"x" * 9999}, ArchiveLimits(ratio=10, ratio_from=1), "a zip bomb"),
        ({"../a": b""}, ArchiveLimits(), "outside itself"),
    ],
)
def test_one_beyond_them_is_refused(
    tmp_path: Path, members: dict[str, bytes], limits: ArchiveLimits, error: str
) -> None:
    with pytest.raises(BadSource, match=error), open_archive(made(tmp_path / "a.zip", **members), limits):
        pass


def test_what_is_no_archive_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"<html>")
    with pytest.raises(BadSource, match="damaged zip"), open_archive(tmp_path / "a.zip"):
        pass
