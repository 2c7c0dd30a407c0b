"""Static files are kept where they belong, whole, and nowhere else."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from clerk.errors import UsageError
from devtools.cities import City
from plugins.local_publish import LocalPublishPlugin


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "1.png"
    path.write_bytes(b"\x89PNG one")
    return path


def upload(file: Path, storage_path: str) -> None:
    LocalPublishPlugin().upload_static_file(file_path=str(file), storage_path=storage_path)


def stored(city: City) -> dict[str, bytes]:
    folder = city.published.parent / "static"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("lead", ["", "/", "//"])
def test_a_file_is_kept_with_or_without_a_leading_slash(city: City, picture: Path, lead: str) -> None:
    upload(picture, f"{lead}oakland.ca/_agendas/City Council/2026-01-02/1.png")
    assert stored(city) == {"oakland.ca/_agendas/City Council/2026-01-02/1.png": b"\x89PNG one"}
    assert picture.exists(), "it is not ours to remove"


def test_a_newer_file_takes_the_older_ones_place(city: City, picture: Path) -> None:
    upload(picture, "/o/1.png")
    first = (city.published.parent / "static/o/1.png").stat().st_ino
    upload(picture, "/o/1.png")
    assert (city.published.parent / "static/o/1.png").stat().st_ino == first, "the same again is no work"
    picture.write_bytes(b"\x89PNG two")
    upload(picture, "/o/1.png")
    assert stored(city) == {"o/1.png": b"\x89PNG two"}


@pytest.mark.parametrize(
    "path", ["", "/", "..", "../x", "/a/../../x", "a/../b/x", "/oakland.ca/.lock", "a\\..\\x", "a/\0/b", "linked/x"]
)
def test_a_path_that_leads_elsewhere_is_refused(city: City, picture: Path, tmp_path: Path, path: str) -> None:
    (city.published.parent / "static").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (city.published.parent / "static" / "linked").symlink_to(tmp_path / "elsewhere")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError):
        upload(picture, path)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_is_not_replaced_by_a_file(city: City, picture: Path) -> None:
    upload(picture, "/o/1.png")
    with pytest.raises(UsageError, match="that is a folder"):
        upload(picture, "/o")
    assert stored(city) == {"o/1.png": b"\x89PNG one"}


def test_what_a_killed_process_left_goes_after_an_hour(city: City, picture: Path) -> None:
    upload(picture, "/o/1.png")
    (folder,) = (city.published.parent / "static").glob(".*")
    for name, age in (("left.part", 4000), ("made-now.part", 10)):
        (folder / name).touch()
        os.utime(folder / name, (time.time() - age,) * 2)
    picture.write_bytes(b"\x89PNG two")
    upload(picture, "/o/1.png")
    assert [path.name for path in folder.iterdir()] == ["made-now.part"]
