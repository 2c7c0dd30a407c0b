"""What is on a page is read, wherever it is: in the layer, in a form, in a picture, in both."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pypdfium2 as pdfium
import pytest

from clerk.text import DocumentError, DocumentText, Page, Reader, ReadingLimits, read_document, render_pages
from devtools.pdfs import MINUTES, Pdf, locked, photographed, scan
from devtools.recall import recall
from tests.integration.text.conftest import SaveAs

pytestmark = pytest.mark.slow

TRUTH = "\n".join(MINUTES)


def test_a_text_layer_is_taken_as_it_is(saved: SaveAs) -> None:
    page = read_document(saved(Pdf().text(*MINUTES).made())).pages[0]
    assert page == Page(1, TRUTH, "layer")


def test_what_was_typed_into_a_form_is_read(saved: SaveAs, reader: Reader) -> None:
    text = reader.read(saved(Pdf().field("Ordinance 2026-17").made())).pages[0].text
    assert "Ordinance 2026-17" in text
    assert "called to order" in text


@pytest.mark.parametrize("turned", [0, 90, 180])
def test_a_scan_is_read_whichever_way_it_lies(saved: SaveAs, reader: Reader, turned: int) -> None:
    (page,) = reader.read(saved(scan(*MINUTES, turned=turned))).pages
    assert page.how == "ocr"
    assert recall(TRUTH, page.text) > 0.95


def test_a_stamp_does_not_hide_the_scan_below_it(saved: SaveAs, reader: Reader) -> None:
    (page,) = reader.read(saved(scan(*MINUTES, stamp="Item 4.2, attachment 1"))).pages
    assert page.how == "ocr"
    assert recall(TRUTH, page.text) > 0.95


def test_each_page_of_a_mixed_document_is_read_in_its_own_way(saved: SaveAs, reader: Reader) -> None:
    picture = photographed(Pdf().text(*MINUTES).made())
    mixed = Pdf().text(*MINUTES).picture(*picture).page(b"").text("Page four").made()
    pages = reader.read(saved(mixed)).pages
    assert [(page.number, page.how) for page in pages] == [(1, "layer"), (2, "ocr"), (3, "empty"), (4, "layer")]
    assert pages[3].text.strip() == "Page four"


def test_a_useless_layer_is_not_believed(saved: SaveAs, reader: Reader) -> None:
    """The picture says the minutes; the text behind it says each letter shifted, as broken fonts do."""
    shifted = ["".join(chr(ord(char) - 29) if char.isalpha() else char for char in line) for line in MINUTES]
    (page,) = reader.read(saved(scan(*MINUTES, hidden=shifted))).pages
    assert page.how == "ocr"
    assert recall(TRUTH, page.text) > 0.95


def test_the_text_behind_a_scan_is_taken_if_it_is_sane(saved: SaveAs, reader: Reader) -> None:
    (page,) = reader.read(saved(scan(*MINUTES, hidden=MINUTES))).pages
    assert page == Page(1, TRUTH, "layer")


def test_a_document_carries_the_hash_of_its_file(saved: SaveAs, reader: Reader) -> None:
    import hashlib

    content = Pdf().text("one").made()
    assert reader.read(saved(content)).sha256 == hashlib.sha256(content).hexdigest()


CUT = Pdf().text(*MINUTES).made()[:300]
BOMB = Pdf().picture(bytes(9000 * 9000), 9000, 9000).made()


@pytest.mark.parametrize(
    ("content", "kind", "says"),
    [
        (b"", "empty", "has no bytes"),
        (b"\n<!DOCTYPE html><html><body>Sign in</body></html>", "not-a-pdf", "is a web page"),
        (b"PK\x03\x04 an office file", "damaged", "is a damaged archive"),
        (b"Not found", "not-a-pdf", "is something else"),
        (CUT, "damaged", "damaged or cut short"),
        (locked(), "encrypted", "needs a password"),
        (Pdf().text("1").text("2").text("3").text("4").made(), "too-large", "4 pages, more than the limit of 3"),
        (BOMB, "too-large", "page 1 holds a picture of 77 MiB"),
    ],
    ids=["no bytes", "web page", "cut archive", "text", "cut", "locked", "many pages", "picture bomb"],
)
def test_a_document_that_cannot_be_read_says_why(
    saved: SaveAs, reader: Reader, content: bytes, kind: str, says: str
) -> None:
    with pytest.raises(DocumentError, match=says) as caught:
        reader.read(saved(content), limits=ReadingLimits(pages=3, memory=300 << 20))
    assert (caught.value.kind, caught.value.permanent) == (kind, True)
    assert str(caught.value).startswith("CityCouncil/2026-08-03.pdf: ")


def test_a_file_that_is_gone_or_too_big_is_not_opened(saved: SaveAs, reader: Reader) -> None:
    path = saved(b"%PDF-" + bytes(2 << 20))
    with pytest.raises(DocumentError, match="has 2 MiB, more than the limit of 1") as caught:
        reader.read(path, limits=ReadingLimits(file_size=1 << 20))
    assert caught.value.kind == "too-large"
    path.unlink()
    with pytest.raises(DocumentError, match="is not there") as caught:
        reader.read(path)
    assert (caught.value.kind, caught.value.permanent) == ("missing", False)


def test_a_page_of_too_many_pixels_is_drawn_smaller(saved: SaveAs, reader: Reader, tmp_path: Path) -> None:
    from PIL import Image

    pdf = saved(Pdf().text(*MINUTES).made())
    (drawn,) = reader.render(pdf, tmp_path / "images", limits=ReadingLimits(pixels=500_000))
    with Image.open(drawn) as image:
        assert 500_000 <= image.width * image.height < 503_000
        assert image.width / image.height == pytest.approx(612 / 792, abs=0.01)


def test_without_an_engine_a_scan_says_so_and_text_is_still_read(saved: SaveAs, reader: Reader) -> None:
    assert reader.read(saved(Pdf().text(*MINUTES).made()), engine="none").pages[0].how == "layer"
    assert reader.read(saved(Pdf().page(b"").made()), engine="none").pages[0].how == "empty"
    with pytest.raises(DocumentError, match=r"page 1 is an image, .* pip install tesserocr") as caught:
        reader.read(saved(scan(*MINUTES)), engine="none")
    assert (caught.value.kind, caught.value.permanent) == ("no-engine", False)


def test_each_page_becomes_an_image(saved: SaveAs, tmp_path: Path) -> None:
    from PIL import Image

    pdf = saved(Pdf().text(*MINUTES).text("two").made())
    folder = tmp_path / "images" / "CityCouncil" / "2026-08-03"
    for _ in range(2):  # the second takes the place of the first
        assert render_pages(pdf, folder) == [folder / "1.png", folder / "2.png"]
        assert sorted(path.name for path in folder.parent.rglob("*")) == ["1.png", "2.png", "2026-08-03"]
    with Image.open(folder / "1.png") as image:
        assert image.size == (1275, 1651)  # 8.5 by 11 inches at 150 dpi; pdfium rounds up
        assert len(set(image.convert("L").tobytes())) > 10


def test_a_page_without_colour_is_drawn_in_grey_and_looks_the_same(saved: SaveAs, tmp_path: Path) -> None:
    from PIL import Image

    pdf = saved(Pdf().text("grey").page(b"1 0 0 rg 100 100 200 200 re f").made())
    grey, red = render_pages(pdf, tmp_path / "images")
    with Image.open(grey) as first, Image.open(red) as second, pdfium.PdfDocument(pdf) as document:
        assert (first.mode, second.mode) == ("L", "RGB")
        for image, page, is_grey in ((first, document[0], True), (second, document[1], False)):
            assert image.tobytes() == page.render(scale=150 / 72, grayscale=is_grey).to_pil().tobytes()


def test_a_document_is_read_and_drawn_at_once(saved: SaveAs, reader: Reader, tmp_path: Path) -> None:
    pdf, alone, together = saved(Pdf().text(*MINUTES).text("two").made()), tmp_path / "alone", tmp_path / "together"
    together.mkdir()
    assert reader.read(pdf, pictures=together) == reader.read(pdf)
    assert {file.name: file.read_bytes() for file in together.iterdir()} == {
        file.name: file.read_bytes() for file in reader.render(pdf, alone)
    }


def test_colour_that_is_too_small_to_be_seen_on_a_small_drawing_is_kept(saved: SaveAs, tmp_path: Path) -> None:
    from PIL import Image

    pixels = bytearray(b"\x80" * 3 * 1275 * 1650)
    pixels[3_000_000] += 10
    pdf = Pdf()
    head = b"/Type/XObject/Subtype/Image/Width 1275/Height 1650/ColorSpace/DeviceRGB/BitsPerComponent 8"
    image = pdf.stream(head, bytes(pixels))
    pdf.page(b"q 612 0 0 792 0 0 cm /I Do Q", images=b"/I %d 0 R" % image)
    (drawn,) = render_pages(saved(pdf.made()), tmp_path / "images")
    with Image.open(drawn) as picture:
        assert picture.mode == "RGB"


def test_images_of_a_document_that_fails_leave_the_old_ones(saved: SaveAs, reader: Reader, tmp_path: Path) -> None:
    folder = tmp_path / "images" / "2026-08-03"
    reader.render(saved(Pdf().text("good").made()), folder)
    with pytest.raises(DocumentError):
        reader.render(saved(locked()), folder)
    assert [path.name for path in folder.parent.rglob("*")] == ["2026-08-03", "1.png"]


def test_the_process_that_asks_never_touches_the_libraries(saved: SaveAs) -> None:
    path = saved(scan("Some words on a page"))
    program = (
        "import sys, pathlib; from clerk.text import read_document\n"
        f"read_document(pathlib.Path({str(path)!r}))\n"
        "print(sorted({'pypdfium2', 'tesserocr', 'PIL', 'numpy'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_pages_are_seen_as_they_are_read(saved: SaveAs, reader: Reader) -> None:
    seen: list[Page] = []
    document = reader.read(saved(Pdf().text("one").text("two").made()), on_page=seen.append)
    assert isinstance(document, DocumentText)
    assert tuple(seen) == document.pages
