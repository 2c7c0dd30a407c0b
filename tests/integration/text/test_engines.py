"""The engines besides the default: the system's program, and rapidocr where it is installed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from clerk.text import DocumentError, Reader, ReadingLimits
from devtools.pdfs import MINUTES, scan
from devtools.recall import recall
from tests.integration.text.conftest import SaveAs


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the path of the one `tesseract` there is, for the test to write."""
    path = tmp_path / "bin" / "tesseract"
    path.parent.mkdir()
    monkeypatch.setenv("PATH", str(path.parent), prepend=":")
    path.touch(0o755)
    return path


def test_the_program_gets_a_grey_picture_and_the_languages(saved: SaveAs, reader: Reader, program: Path) -> None:
    program.write_text('#!/bin/sh\nhead -c 17\ncat >/dev/null\necho "$@"\n')
    text = reader.read(saved(scan(*MINUTES)), engine="tesseract-cli", languages="eng+spa").pages[0].text
    assert text.startswith("P5 1275 1651 255\nstdin stdout --psm 1 --dpi 150 -l eng --tessdata-dir /")


def test_a_program_that_fails_fails_the_page(saved: SaveAs, reader: Reader, program: Path) -> None:
    program.write_text("#!/bin/sh\ncat >/dev/null\necho 'Tesseract starts' >&2\necho 'out of ideas' >&2\nexit 3\n")
    with pytest.raises(DocumentError, match=r"page 1 made tesseract exit with 3: out of ideas$") as caught:
        reader.read(saved(scan(*MINUTES)), engine="tesseract-cli")
    assert (caught.value.kind, caught.value.permanent) == ("crash", False)


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="no tesseract on PATH: install tesseract-ocr")
def test_the_real_program_reads_a_scan(saved: SaveAs, reader: Reader) -> None:
    (page,) = reader.read(saved(scan(*MINUTES, turned=180)), engine="tesseract-cli").pages
    assert recall("\n".join(MINUTES), page.text) > 0.95


def test_rapidocr_reads_a_scan(saved: SaveAs, reader: Reader) -> None:
    pytest.importorskip("rapidocr")
    (page,) = reader.read(saved(scan(*MINUTES)), engine="rapidocr", limits=ReadingLimits(memory=6 << 30)).pages
    assert recall("\n".join(MINUTES), page.text) > 0.8
