"""Fetchers that read and compile by themselves, and those that have their own way to."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from clerk import Fetcher
from devtools.city_papers import damaged_pdf, scanned_pdf, text_pdf

SITE = {"subdomain": "millbrook.ca", "start_year": 2020}
WORDS = ("Minutes of the Council", "The council approved the heron bridge contract.")


def put(fetcher: Fetcher, place: str, content: bytes) -> Path:
    path = Path(fetcher.dir_prefix, place)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def rows(fetcher: Fetcher, table: str) -> list[tuple[str, str, int]]:
    with sqlite3.connect(f"{fetcher.dir_prefix}/meetings.db") as connection:
        return connection.execute(f"SELECT meeting, date, page FROM {table} ORDER BY 1, 2, 3").fetchall()


def test_a_fetcher_reads_and_compiles_what_it_has_fetched() -> None:
    fetcher = Fetcher(SITE)
    put(fetcher, "pdfs/Council/2024-01-02.pdf", text_pdf(*WORDS))
    put(fetcher, "pdfs/Council/2024-01-03.pdf", damaged_pdf(*WORDS))
    put(fetcher, "_agendas/pdfs/Council/2024-01-02.2.pdf", scanned_pdf(*WORDS))
    fetcher.ocr()
    fetcher.transform()
    assert rows(fetcher, "minutes") == [("Council", "2024-01-02", 1)]
    assert rows(fetcher, "agendas") == [("Council", "2024-01-02", 1)]
    text = Path(fetcher.dir_prefix, "_agendas/txt/Council/2024-01-02.2/1.txt").read_text()
    assert "heron bridge contract" in text
    assert fetcher.check_if_exists("Council", "2024-01-02", "minutes")
    (failures,) = Path(fetcher.dir_prefix).glob("ocr_failures_*.jsonl")
    (failure,) = map(json.loads, failures.read_text().splitlines())
    assert (failure["meeting"], failure["date"], failure["error_type"]) == ("Council", "2024-01-03", "permanent")
    assert Path(fetcher.dir_prefix, "pdfs/Council/2024-01-03.pdf").exists()


def test_a_way_of_its_own_to_read_an_image_is_used_for_every_page() -> None:
    class Reads(Fetcher):
        def _ocr_with_tesseract(self, path: str | Path) -> str:
            return f"read {Path(path).name}"

    fetcher = Reads(SITE)
    put(fetcher, "pdfs/Council/2024-01-02.pdf", text_pdf(*WORDS))
    fetcher.ocr()
    assert Path(fetcher.dir_prefix, "txt/Council/2024-01-02/1.txt").read_text() == "read 1.png"


def test_a_way_of_its_own_to_read_a_document_is_used_by_ocr() -> None:
    class Reads(Fetcher):
        seen: list[tuple[str, str, str]] = []  # noqa: RUF012

        def do_ocr_job(self, job: tuple[str, str, str], *_: object, **__: object) -> None:
            self.seen.append(job)

    fetcher = Reads(SITE)
    put(fetcher, "pdfs/Council/2024-01-02.pdf", text_pdf(*WORDS))
    put(fetcher, "_agendas/pdfs/Zoning/2024-01-04.pdf", text_pdf(*WORDS))
    fetcher.ocr()
    assert fetcher.seen == [("", "Council", "2024-01-02"), ("/_agendas", "Zoning", "2024-01-04")]


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_the_image_of_a_page_becomes_text(tmp_path: Path, suffix: str) -> None:
    import pypdfium2 as pdfium

    with pdfium.PdfDocument(text_pdf(*WORDS)) as document:
        document[0].render(scale=150 / 72).to_pil().save(tmp_path / f"1.{suffix}")
    assert "heron bridge" in Fetcher(SITE)._ocr_with_tesseract(tmp_path / f"1.{suffix}")
