"""What a document promises and the reader cannot decode makes the document fail, with the numbers of the pages."""

from __future__ import annotations

import io
import zlib
from contextlib import suppress
from random import Random

import pytest
from PIL import Image

from clerk.text import DocumentError, Reader
from devtools.pdfs import MINUTES, TREE, Lines, Pdf, operators
from tests.integration.text.conftest import SaveAs

pytestmark = pytest.mark.slow

#: A page that refers to content, a picture, a form or a font by an object's number.
PAGE = (
    b"<</Type/Page/Parent %d 0 R/MediaBox[0 0 612 792]/Contents %s"
    b"/Resources<</Font<</F %d 0 R>>/XObject<</I %d 0 R>>>>>>"
)
MISSING = 99


def document(contents: bytes, *, font: int = 3, drawn: int = MISSING) -> Pdf:
    """Return three pages, of which the second and the third have this content; object 4 draws text, 5 draws `I`."""
    pdf = Pdf()
    pdf.add(b"<</Length %d>>stream\n%s\nendstream" % (len(operators(MINUTES)), operators(MINUTES)))
    pdf.add(b"<</Length 5>>stream\n/I Do\nendstream")
    pdf.text(*MINUTES)
    for _ in range(2):
        pdf.pages.append(pdf.add(PAGE % (TREE, contents, font, drawn)))
    return pdf


@pytest.mark.parametrize(
    "pdf",
    [
        document(b"%d 0 R" % MISSING),
        document(b"[4 0 R %d 0 R]" % MISSING),
        document(b"[4 0 R 5 0 R]"),
        document(b"4 0 R", font=MISSING),
    ],
    ids=["content", "a part of the content", "picture", "font"],
)
def test_a_page_that_needs_a_missing_object_fails_the_document(saved: SaveAs, reader: Reader, pdf: Pdf) -> None:
    with pytest.raises(DocumentError, match=r"page 2 is incomplete \(page 3 is damaged too\): the") as caught:
        reader.read(saved(pdf.made()))
    assert (caught.value.kind, caught.value.permanent) == ("damaged", True)
    assert [page.number for page in caught.value.pages] == [1]


def test_a_page_without_content_is_empty_if_nothing_is_missing(saved: SaveAs, reader: Reader) -> None:
    pdf = Pdf().text(*MINUTES)
    pdf.pages.append(pdf.add(b"<</Type/Page/Parent %d 0 R/MediaBox[0 0 612 792]>>" % TREE))
    assert [page.how for page in reader.read(saved(pdf.made())).pages] == ["layer", "empty"]


def test_names_that_the_document_never_defined_are_ignored(saved: SaveAs, reader: Reader) -> None:
    pages = reader.read(saved(Pdf().page(operators(MINUTES) + b" /Nothing Do").made())).pages
    assert [page.how for page in pages] == ["layer"]


def test_a_file_that_was_cut_says_which_pages_it_lacks(saved: SaveAs, reader: Reader) -> None:
    """Its catalog and pages come first, as in a file for fast web view, so that it opens."""
    parts = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 3/Kids[4 0 R 5 0 R 6 0 R]>>"]
    parts += [b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    parts += [PAGE % (2, b"%d 0 R" % n, 3, 3) for n in (7, 8, 9)]
    stream = b"<</Length %d>>stream\n%s\nendstream" % (len(operators(MINUTES)), operators(MINUTES))
    trailer = b"xref\n0 1\n0000000000 65535 f \ntrailer<</Root 1 0 R/Size 20>>\nstartxref\n9\n%%EOF\n"
    objects = b"".join(b"%d 0 obj\n%s\nendobj\n" % (n, part) for n, part in enumerate([*parts, *[stream] * 3], 1))
    whole = b"%PDF-1.7\n" + trailer + objects
    second, third = whole.index(b"8 0 obj"), whole.index(b"9 0 obj")
    for place, says in ((second + 150, "page 2 .*page 3"), (third - 50, "page 2 .*page 3"), (third + 99, "page 3")):
        with pytest.raises(DocumentError, match=rf"{says}.*: the file is damaged or cut short") as caught:
            reader.read(saved(whole[:place]))
        assert caught.value.kind == "damaged"
    with pytest.raises(DocumentError, match="cut short"):
        reader.read(saved(whole[:second]))


def test_a_cut_file_that_has_lost_only_a_note_on_a_page_is_damaged(saved: SaveAs, reader: Reader) -> None:
    shape = b"<</Type/XObject/Subtype/Form/BBox[0 0 300 20]/Length 0>>stream\n\nendstream"
    note = b"<</Type/Annot/Subtype/FreeText/Rect[60 300 360 320]/AP<</N 10 0 R>>>>"
    pdf = Pdf().page(operators(MINUTES), b"/Annots[%d 0 R %d 0 R]" % (6, 9))
    pdf.add(note)
    pdf.catalog = b"/Lang(en)"
    whole = pdf.text("two")
    pdf.add(note)
    pdf.add(shape)
    content = whole.made()
    assert len(reader.read(saved(content)).pages) == 2
    head = b"%PDF-1.5\nxref\n0 1\n0000000000 65535 f \ntrailer<</Root 1 0 R/Size 20>>\nstartxref\n9\n%%EOF\n"
    for name in (b"\n9 0 obj", b"\n10 0 obj"):
        with pytest.raises(DocumentError, match="damaged or cut short: fetch it again"):
            reader.read(saved(head + content[9 : content.index(name)]))


def test_a_page_that_is_not_in_the_file_is_named(saved: SaveAs, reader: Reader) -> None:
    pdf = Pdf().text("one").text("two").text("three")
    pdf.pages[1:] = [MISSING, pdf.pages[2]]
    with pytest.raises(DocumentError, match="page 2 does not load: the file"):
        reader.read(saved(pdf.made()))


def packed(data: bytes, share: float) -> tuple[bytes, bytes]:
    """Return compressed content of which only a share is there."""
    whole = zlib.compress(data)
    return b"/Filter/FlateDecode", whole[: int(len(whole) * share)]


def page_of(head: bytes, data: bytes) -> bytes:
    pdf = Pdf()
    content = pdf.add(b"<<%s/Length %d>>stream\n%s\nendstream" % (head, len(data), data))
    pdf.pages.append(pdf.add(PAGE % (TREE, b"%d 0 R" % content, 3, 3)))
    return pdf.made()


def test_content_that_ends_too_early_fails_the_document(saved: SaveAs, reader: Reader) -> None:
    with pytest.raises(DocumentError, match="page 1 is incomplete: the file"):
        reader.read(saved(page_of(*packed(operators(MINUTES * 9), 0.5))))
    with pytest.raises(DocumentError, match="page 1 is incomplete: the file"):
        reader.read(saved(page_of(b"/Filter/FlateDecode", b"\x78\x9cnothing that was packed")))


def test_content_that_was_changed_fails_the_document(saved: SaveAs, reader: Reader) -> None:
    """It unpacks to its end, but not to what was packed: blocks of a file were lost on the way."""
    words = " ".join(MINUTES).split()
    lines = [" ".join(Random(number).sample(words, 9)) for number in range(40)]
    head, data = packed(operators(lines), 1)
    broken = 0
    for place in range(200, len(data) - 200, 40):
        content = page_of(head, data[:place] + bytes(16) + data[place + 16 :])
        with suppress(DocumentError):
            assert len(reader.read(saved(content)).pages[0].text.splitlines()) == len(lines)
            continue
        broken += 1
    assert broken > 5


def test_a_font_that_was_changed_fails_a_page_that_has_no_text_without_it(saved: SaveAs, reader: Reader) -> None:
    pdf = Pdf()
    program = pdf.add(
        b"<</Length1 9000/Filter/FlateDecode/Length 40>>stream\n%s\nendstream" % (b"\x78\x9c" + b"?" * 38)
    )
    descriptor = pdf.add(b"<</Type/FontDescriptor/FontName/A/Flags 4/FontFile2 %d 0 R>>" % program)
    font = b"<</Type/Font/Subtype/TrueType/BaseFont/A/FirstChar 1/LastChar 2/Widths[0 0]/FontDescriptor %d 0 R>>"
    pdf.add(font % descriptor)
    page = b"BT /B 12 Tf 50 700 Td <0102> Tj ET"
    content = pdf.page(page, images=b">>/Font<</B %d 0 R" % len(pdf.objects)).made()
    with pytest.raises(DocumentError, match="page 1 has a font that cannot be decoded"):
        reader.read(saved(content))


def test_content_without_a_checksum_is_whole(saved: SaveAs, reader: Reader) -> None:
    head, data = packed(operators(MINUTES), 1)
    for content in (data[:-4], data[:-4] + b"abcd"):
        assert reader.read(saved(page_of(head, content))).pages[0].text == "\n".join(MINUTES)


SIZE = (850, 1100)
PIXELS = Image.effect_noise(SIZE, 90)


def encoded(kind: str) -> bytes:
    file = io.BytesIO()
    PIXELS.save(file, kind)
    return file.getvalue()


def pictured(name: bytes, data: bytes, *, bits: int = 8, text: Lines = (), place: bytes = b"612 0 0 792 0 0") -> bytes:
    """Return a document whose second page has a picture."""
    head = b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray/BitsPerComponent %d" % (*SIZE, bits)
    pdf = Pdf().text(*MINUTES)
    picture = pdf.add(b"<<%s%s/Length %d>>stream\n%s\nendstream" % (head, name, len(data), data))
    return pdf.page(operators(text) + b"q %s cm /I Do Q" % place, images=b"/I %d 0 R" % picture).made()


JPEG, JPEG2000 = encoded("JPEG"), encoded("JPEG2000")
RAW = PIXELS.tobytes()


def faxed() -> bytes:
    """Return the picture in black and white, as Group 4 packs it."""
    file = io.BytesIO()
    PIXELS.convert("1").save(file, "TIFF", compression="group4", strip_size=1 << 30)
    with Image.open(file) as image:
        (start,), (length,) = image.tag_v2[273], image.tag_v2[279]  # type: ignore[attr-defined]
    return file.getvalue()[start : start + length]


def broken(data: bytes) -> bytes:
    """Return data with a block in the middle that was lost on the way."""
    middle = len(data) // 2
    return data[:middle] + bytes(512) + data[middle + 512 :]


FAX, FAX_NAME = faxed(), b"/Filter/CCITTFaxDecode/DecodeParms<</K -1/Columns 850/Rows 1100%s>>"

UNDECODABLE = {
    "jpeg, cut": (b"/Filter/DCTDecode", JPEG[: len(JPEG) // 2], 8),
    "jpeg, garbage": (b"/Filter/DCTDecode", RAW[:5000], 8),
    "jpeg 2000, cut": (b"/Filter/JPXDecode", JPEG2000[: len(JPEG2000) // 2], 8),
    "flate, cut": (b"/Filter/FlateDecode", zlib.compress(RAW)[:100_000], 8),
    "flate, short": (b"/Filter/FlateDecode", zlib.compress(RAW[: len(RAW) // 2]), 8),
    "flate, damaged in the middle": (b"/Filter/FlateDecode", broken(zlib.compress(RAW)), 8),
    "plain, short": (b"", RAW[: len(RAW) // 2], 8),
    "jbig2, garbage": (b"/Filter/JBIG2Decode", RAW[:5000], 1),
    "jpeg, damaged in the middle": (b"/Filter/DCTDecode", broken(JPEG), 8),
    "fax, empty": (FAX_NAME % b"", b"", 1),
    "fax, garbage": (FAX_NAME % b"", RAW[:5000], 1),
    "fax, damaged in the middle": (FAX_NAME % b"", broken(FAX), 1),
    "fax, cut": (FAX_NAME % b"", FAX[: len(FAX) // 2], 1),
    "unknown filter": (b"/Filter/NewDecode", RAW[:5000], 8),
}


@pytest.mark.parametrize(("name", "data", "bits"), UNDECODABLE.values(), ids=UNDECODABLE)
def test_a_picture_that_cannot_be_decoded_fails_the_document(
    saved: SaveAs, reader: Reader, name: bytes, data: bytes, bits: int
) -> None:
    for text in ((), MINUTES):
        with pytest.raises(
            DocumentError, match=r"page 2 (is incomplete|holds a picture that cannot be decoded)"
        ) as caught:
            reader.read(saved(pictured(name, data, bits=bits, text=text)))
        assert (caught.value.kind, caught.value.page) == ("damaged", 2)


WHOLE = {
    "jpeg": (b"/Filter/DCTDecode", JPEG, 8),
    "jpeg without its end mark": (b"/Filter/DCTDecode", JPEG.removesuffix(b"\xff\xd9"), 8),
    "jpeg of another JFIF": (b"/Filter/DCTDecode", JPEG.replace(b"JFIF\0\1", b"JFIF\0\2", 1), 8),
    "jpeg with bytes between its tables": (b"/Filter/DCTDecode", JPEG.replace(b"\xff\xc4", b"\0\0\xff\xc4", 1), 8),
    "jpeg with odd parameters": (b"/Filter/DCTDecode", JPEG.replace(b"\1\1\0\0\x3f\0", b"\1\1\0\0\0\0", 1), 8),
    "jpeg 2000": (b"/Filter/JPXDecode", JPEG2000, 8),
    "flate with another checksum": (b"/Filter/FlateDecode", zlib.compress(RAW)[:-4] + b"abcd", 8),
    "flate without a checksum": (b"/Filter/FlateDecode", zlib.compress(RAW + b"\n")[:-4], 8),
    "fax": (FAX_NAME % b"", FAX, 1),
    "fax in reverse": (FAX_NAME % b"/BlackIs1 true", FAX, 1),
    "fax as a stencil": (FAX_NAME % b"" + b"/ImageMask true", FAX, 1),
}


@pytest.mark.parametrize(("name", "data", "bits"), WHOLE.values(), ids=WHOLE)
def test_a_whole_picture_is_no_damage(saved: SaveAs, reader: Reader, name: bytes, data: bytes, bits: int) -> None:
    for content in (data, data + b"\0\0"):
        assert len(reader.read(saved(pictured(name, content, bits=bits))).pages) == 2


def test_a_small_ornament_that_cannot_be_decoded_is_no_damage(saved: SaveAs, reader: Reader) -> None:
    content = pictured(b"/Filter/NewDecode", b"?", text=MINUTES, place=b"30 0 0 30 500 700")
    assert reader.read(saved(content)).pages[1].text == "\n".join(MINUTES)
