"""What real documents, and scans made of them, must give; none is part of the repository."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clerk.text import DocumentError, How, Reader
from devtools.recall import recall, words

DATA = Path(__file__).parents[4] / "shared" / "data" / "meetings" / "pdf"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not DATA.is_dir(), reason=f"real documents are not part of the repository, and {DATA} does not exist"
    ),
]

#: Document -> how each page is read, and some words that must be among what was.
READ: dict[str, tuple[list[How], str]] = {
    "akr_planning": (["layer"], "AKRON CITY PLANNING COMMISSION"),
    "chi_human_relations": (["layer"], "COMMISSION ON HUMAN RELATIONS"),
    "chi_pdc_001_2023-06-06_agenda": (["layer"], "DISTRICT COUNCIL MEETING"),
    "cuya_community_college": (["layer"], "BOARD OF TRUSTEES"),
    "ladwp_2": (["layer"] * 7, "Board of Water and Power Commissioners"),
    "nash_county_nc_2020-05-05_agenda": (["layer"], "BUDGET WORKSHOP"),
    "nash_county_nc_2020-05-05_minutes": (["layer", "layer"], "Nash County Board of Commissioners"),
    "ocrmypdf_ccitt": (["ocr"], "32 Track MIDI Sequence Recorder"),
    "ocrmypdf_linn": (["ocr"], "32 Track MIDI Sequence Recorder"),
    "ocrmypdf_no_contents": (["empty"], ""),
    "ocrmypdf_rotated_skew": (["ocr"], "32 Track MIDI Sequence Recorder"),
    "pdfminer_zen_of_python_corrupted": (["layer"], "Beautiful is better than ugly."),
    "pdfplumber_nics-background-checks-2015-11-rotated": (["layer"], "Alabama"),
    "pypdf_r2-owner-password": (["layer"], ""),
    "scan_chi_pdc_agenda_rot90": (["ocr"], "DISTRICT COUNCIL MEETING"),
    "scan_nash_agenda": (["ocr"], "BUDGET WORKSHOP"),
    "scan_nash_minutes": (["ocr", "ocr"], "Nash County Board of Commissioners"),
}

REFUSED: dict[str, str] = {
    "html_served_as_pdf": "not-a-pdf",
    "ocrmypdf_invalid": "damaged",
    "pdfplumber_password-example": "encrypted",
    "truncated_ladwp_2_60pct": "damaged",
}

#: Scan -> the share of its true words that must be found.
RECALL = {
    "ocrmypdf_linn": 0.96,
    "scan_chi_pdc_agenda_rot90": 0.95,
    "scan_nash_agenda": 0.91,
    "scan_nash_minutes": 0.99,
}


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with Reader() as reader:
        yield reader


def test_every_document_has_an_outcome() -> None:
    assert {path.stem for path in DATA.glob("*.pdf")} == READ.keys() | REFUSED.keys()
    assert {path.name.partition(".truth")[0] for path in DATA.glob("*.truth.txt")} == RECALL.keys()


@pytest.mark.parametrize("name", READ)
def test_it_is_read(reader: Reader, name: str) -> None:
    how, phrase = READ[name]
    pages = reader.read(DATA / f"{name}.pdf", languages="eng+spa").pages
    assert [page.how for page in pages] == how
    text = "\n".join(page.text for page in pages)
    assert phrase.lower() in " ".join(text.split()).lower()
    if name in RECALL:
        truth = (DATA / f"{name}.truth.txt").read_text(encoding="utf-8")
        assert recall(truth, text) >= RECALL[name]


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(reader: Reader, name: str) -> None:
    with pytest.raises(DocumentError) as caught:
        reader.read(DATA / f"{name}.pdf")
    assert (caught.value.kind, caught.value.permanent, caught.value.pages) == (REFUSED[name], True, ())


def test_what_was_typed_into_a_real_form_is_read(reader: Reader) -> None:
    (page,) = reader.read(DATA / "chi_pdc_001_2023-06-06_agenda.pdf").pages
    assert words(page.text).total() >= 230
