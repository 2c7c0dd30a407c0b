"""A document's pages appear as a whole or not at all, and say what they were read from."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clerk.jobs import Fenced
from clerk.text import DocumentText, Page, is_unchanged, write_pages


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    path = tmp_path / "2026-08-03.pdf"
    path.write_bytes(b"%PDF-one")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "txt" / "CityCouncil" / "2026-08-03"


def document(pdf: Path, *texts: str) -> DocumentText:
    digest = hashlib.sha256(pdf.read_bytes()).hexdigest()
    return DocumentText(digest, tuple(Page(n, text, "layer") for n, text in enumerate(texts, 1)))


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_bytes().decode() for path in folder.glob("*.txt")}


def test_pages_are_numbered_from_one_without_padding(pdf: Path, folder: Path) -> None:
    write_pages(document(pdf, "año\n", "", *["x"] * 9), folder)
    assert texts(folder) == {"1.txt": "año\n", "2.txt": ""} | {f"{n}.txt": "x" for n in range(3, 12)}
    assert folder.stat().st_mode & 0o777 == 0o755


def test_a_new_reading_takes_the_place_of_the_old_one_whole(pdf: Path, folder: Path) -> None:
    write_pages(document(pdf, "one", "two", "three"), folder)
    write_pages(document(pdf, "ONE"), folder)
    assert texts(folder) == {"1.txt": "ONE"}
    assert [path.name for path in folder.parent.iterdir()] == ["2026-08-03"]


def test_extractions_are_kept(pdf: Path, folder: Path) -> None:
    write_pages(document(pdf, "one"), folder)
    (folder / "0001.txt.extracted.json").write_text("{}")
    write_pages(document(pdf, "one"), folder)
    assert (folder / "0001.txt.extracted.json").read_text() == "{}"


def test_a_fenced_attempt_leaves_everything_as_it_was(pdf: Path, folder: Path) -> None:
    @contextmanager
    def fence() -> Iterator[None]:
        raise Fenced("another attempt owns the job")
        yield

    write_pages(document(pdf, "newer"), folder)
    with pytest.raises(Fenced):
        write_pages(document(pdf, "older"), folder, fence=fence)
    assert texts(folder) == {"1.txt": "newer"}
    assert [path.name for path in folder.parent.iterdir()] == ["2026-08-03"]


def test_what_a_killed_process_left_goes_and_nobody_elses(pdf: Path, folder: Path) -> None:
    program = (
        "import os, pathlib; from clerk.text import DocumentText, write_pages\n"
        f"write_pages(DocumentText('', ()), pathlib.Path({str(folder)!r}), fence=lambda: os.kill(os.getpid(), 9))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == -9
    (left,) = folder.parent.iterdir()
    of_another = folder.parent / left.name.replace("2026-08-03", "2026-08-03.2")
    of_another.mkdir()
    write_pages(document(pdf, "one"), folder)
    assert sorted(path.name for path in folder.parent.iterdir()) == [of_another.name, "2026-08-03"]


def test_the_same_file_need_not_be_read_again(pdf: Path, folder: Path) -> None:
    assert not is_unchanged(pdf, folder)
    write_pages(document(pdf, "one", "two"), folder)
    assert is_unchanged(pdf, folder)
    pdf.write_bytes(b"%PDF-two")
    assert not is_unchanged(pdf, folder)


@pytest.mark.parametrize("name", ["2.txt", ".document.json"])
def test_what_is_incomplete_is_read_again(pdf: Path, folder: Path, name: str) -> None:
    write_pages(document(pdf, "one", "two"), folder)
    (folder / name).unlink()
    assert not is_unchanged(pdf, folder)


@pytest.mark.parametrize("record", ["", "[]", "{}", '{"pages": 1}', '{"pages": "x", "sha256": ""}', "\xff"])
def test_a_broken_record_is_no_record(pdf: Path, folder: Path, record: str) -> None:
    write_pages(document(pdf, "one"), folder)
    (folder / ".document.json").write_text(record, encoding="latin-1")
    assert not is_unchanged(pdf, folder)


def test_an_unreadable_file_is_not_unchanged(pdf: Path, folder: Path) -> None:
    write_pages(document(pdf, "one"), folder)
    pdf.unlink()
    assert not is_unchanged(pdf, folder)
