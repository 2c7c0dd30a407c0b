"""What a person sees on a page is in its text, and what no reader of the PDF shows is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from clerk.text import Reader
from devtools.pdfs import FONT, HEIGHT, MINUTES, WIDTH, Pdf, operators, photographed, scan
from devtools.recall import recall
from tests.integration.text.conftest import SaveAs

pytestmark = pytest.mark.slow

TRUTH = "\n".join(MINUTES)
NOTE = "Adopted as amended, ordinance 4711"


def annotated(kind: str, flags: int = 4, *, drawing: bool = True, extra: bytes = b"") -> bytes:
    """Return a page of the minutes with an annotation on it, and a layer, object 4, that is off."""
    pdf = Pdf()
    pdf.add(b"<</Type/OCG/Name(off)>>")
    pdf.catalog = b"/OCProperties<</OCGs[4 0 R]/D<</OFF[4 0 R]>>>>"
    shape = b"/Type/XObject/Subtype/Form/BBox[0 0 300 20]/Resources<</Font<</F %d 0 R>>>>" % FONT
    shown = pdf.stream(shape, b"BT /F 11 Tf 2 5 Td (%s) Tj ET" % NOTE.encode())
    look = b"/AP<</N %d 0 R>>" % shown if drawing else b""
    note = pdf.add(
        b"<</Type/Annot/Subtype/%s/Rect[60 300 360 320]/Contents(%s)%s/F %d%s>>"
        % (kind.encode(), NOTE.encode(), look, flags, extra)
    )
    return pdf.page(operators(MINUTES), b"/Annots[%d 0 R]" % note).made()


@pytest.mark.parametrize("kind", ["FreeText", "Stamp", "Watermark", "Line", "Widget"])
def test_what_an_annotation_shows_is_read(saved: SaveAs, reader: Reader, kind: str) -> None:
    (page,) = reader.read(saved(annotated(kind))).pages
    assert page.text.splitlines() == [*MINUTES, NOTE]
    assert page.how == "layer"


def test_a_note_without_a_drawing_is_read(saved: SaveAs, reader: Reader) -> None:
    for extra in (b"", b"/AP<<>>"):
        (page,) = reader.read(saved(annotated("FreeText", drawing=False, extra=extra))).pages
        assert page.text.splitlines() == [*MINUTES, NOTE]
    rich = annotated("FreeText", drawing=False, extra=b"/RC(<body><p>Struck &amp; <b>amended</b></p></body>)")
    (page,) = reader.read(saved(rich.replace(b"/Contents(%s)" % NOTE.encode(), b""))).pages
    assert page.text.splitlines() == [*MINUTES, "Struck & amended"]


def test_a_stamp_without_a_drawing_says_what_its_name_says(saved: SaveAs, reader: Reader) -> None:
    (page,) = reader.read(saved(annotated("Stamp", drawing=False, extra=b"/Name/NotApproved"))).pages
    assert page.text.splitlines() == [*MINUTES, "NOT APPROVED"]


@pytest.mark.parametrize(
    ("kind", "flags", "drawing"),
    [("FreeText", 2, True), ("FreeText", 32, True), ("FreeText", 2, False), ("Popup", 4, True), ("Text", 4, False)],
    ids=["hidden", "not on screen", "hidden, without a drawing", "pop-up", "comment"],
)
def test_what_an_annotation_does_not_show_is_not_read(
    saved: SaveAs, reader: Reader, kind: str, flags: int, drawing: bool
) -> None:
    (page,) = reader.read(saved(annotated(kind, flags, drawing=drawing))).pages
    assert page.text.splitlines() == MINUTES


SECRET = "Closed session: the settlement offer"
SHOWN = "The motion passed."
ON, OFF, NEITHER = 4, 5, 6


def layered(page: bytes, config: bytes, *, extra: bytes = b"", form: bytes = b"") -> bytes:
    """Return a page with layers 4 (on) and 5 (off), 6 (membership in both), and a form that has its own content."""
    pdf = Pdf()
    pdf.add(b"<</Type/OCG/Name(on)>>")
    pdf.add(b"<</Type/OCG/Name(off)/Usage<</View<</ViewState/OFF>>>>>>")
    pdf.add(b"<</Type/OCMD/OCGs[%d 0 R %d 0 R]%s>>" % (ON, OFF, extra))
    shape = b"/Type/XObject/Subtype/Form/BBox[0 0 612 792]/Resources<</Font<</F %d 0 R>>/Properties<</L 5 0 R>>>>%s"
    drawn = pdf.stream(shape % (FONT, form), page if form else operators([SECRET]))
    pdf.catalog = b"/OCProperties<</OCGs[%d 0 R %d 0 R]/D<<%s>>>>" % (ON, OFF, config)
    resources = b">>/Properties<</On 4 0 R/L 5 0 R/M 6 0 R>>/XObject<</X %d 0 R" % drawn
    return pdf.page(page + operators([SHOWN], 400), images=resources).made()


def marked(name: str, text: str) -> bytes:
    return b"/OC /%s BDC %s EMC " % (name.encode(), operators([text]))


HIDDEN = {
    "layer that is off": (marked("L", SECRET), b"/OFF[5 0 R]", b""),
    "all layers are off": (marked("L", SECRET), b"/BaseState/OFF/ON[4 0 R]", b""),
    "off for viewing": (marked("L", SECRET), b"/AS[<</Event/View/Category[/View]/OCGs[5 0 R]>>]", b""),
    "inside a layer that is on": (b"/OC /On BDC " + marked("L", SECRET) + b"EMC ", b"/OFF[5 0 R]", b""),
    "around another mark": (
        b"/OC /L BDC /P <</MCID 0>> BDC " + operators([SECRET]) + b" EMC EMC ",
        b"/OFF[5 0 R]",
        b"",
    ),
    "membership, all on": (marked("M", SECRET), b"/OFF[5 0 R]", b"/P/AllOn"),
    "membership, all off": (marked("M", SECRET), b"/OFF[5 0 R]", b"/P/AllOff"),
    "membership, expression": (marked("M", SECRET), b"/OFF[5 0 R]", b"/VE[/And 4 0 R[/Not[/Or 4 0 R 5 0 R]]]"),
}


@pytest.mark.parametrize(("page", "config", "extra"), HIDDEN.values(), ids=HIDDEN)
def test_a_layer_that_is_off_is_not_read(
    saved: SaveAs, reader: Reader, page: bytes, config: bytes, extra: bytes
) -> None:
    (read,) = reader.read(saved(layered(page, config, extra=extra))).pages
    assert read.text.split("\n") == [SHOWN]


SEEN = {
    "layer that is on": (marked("On", SECRET), b"/OFF[5 0 R]", b""),
    "on again": (marked("L", SECRET), b"/BaseState/OFF/ON[4 0 R 5 0 R]", b""),
    "off for printing only": (marked("L", SECRET), b"/AS[<</Event/Print/Category[/View]/OCGs[5 0 R]>>]", b""),
    "membership, any on": (marked("M", SECRET), b"/OFF[5 0 R]", b""),
    "membership, any off": (marked("M", SECRET), b"/OFF[5 0 R]", b"/P/AnyOff"),
    "a name that is not defined": (marked("Unknown", SECRET), b"/OFF[5 0 R]", b""),
}


@pytest.mark.parametrize(("page", "config", "extra"), SEEN.values(), ids=SEEN)
def test_a_layer_that_is_on_is_read(saved: SaveAs, reader: Reader, page: bytes, config: bytes, extra: bytes) -> None:
    (read,) = reader.read(saved(layered(page, config, extra=extra))).pages
    assert read.text.split("\n") == [SECRET, SHOWN]


def test_a_form_of_a_layer_that_is_off_and_a_layer_in_a_form_are_not_read(saved: SaveAs, reader: Reader) -> None:
    pages = (
        layered(b"/X Do ", b"/OFF[5 0 R]", form=b" ").replace(b"/Type/XObject/Subtype/Form", b"/OC 5 0 R/Subtype/Form"),
        layered(marked("L", SECRET), b"/OFF[5 0 R]", form=b" ").replace(b"(%s)" % SECRET.encode(), b"()"),
    )
    for content in pages:
        (read,) = reader.read(saved(content)).pages
        assert read.text.split("\n") == [SHOWN]


def test_a_note_of_a_layer_that_is_off_is_not_read(saved: SaveAs, reader: Reader) -> None:
    for drawing in (True, False):
        (page,) = reader.read(saved(annotated("FreeText", extra=b"/OC 4 0 R", drawing=drawing))).pages
        assert page.text.splitlines() == MINUTES


FOOTER = [
    "DocuSign Envelope ID: 00000000-0000-0000-0000-000000000000",
    "In compliance with the Americans with Disabilities Act, those who need accommodation may call the clerk.",
    "Writings given to a majority of the commission after the packet are open to inspection at the counter.",
]


PICTURE = b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray/BitsPerComponent 8"


def pasted(picture: tuple[bytes, int, int], text: bytes, place: bytes = b"612 0 0 792 0 0") -> bytes:
    """Return a page with a picture in its place, and text over it."""
    pixels, width, height = picture
    pdf = Pdf()
    image = pdf.stream(PICTURE % (width, height), pixels)
    return pdf.page(b"q %s cm /I Do Q " % place + text, images=b"/I %d 0 R" % image).made()


SCAN = photographed(Pdf().text(*MINUTES).made())


def small(text: bytes) -> bytes:
    return text.replace(b"/F 12 Tf 16 TL", b"/F 7 Tf 9 TL")


@pytest.mark.parametrize("start", [60, 780], ids=["at the end", "at the beginning"])
def test_a_long_stamp_does_not_hide_the_scan_below_it(saved: SaveAs, reader: Reader, start: int) -> None:
    (page,) = reader.read(saved(pasted(SCAN, small(operators(FOOTER, start))))).pages
    assert page.how == "ocr"
    assert recall(TRUTH, page.text) > 0.95
    assert recall("\n".join(FOOTER), page.text) > 0.95


def test_a_stamp_in_a_margin_does_not_hide_the_scan(saved: SaveAs, reader: Reader) -> None:
    """A number is printed from the bottom to the top of the page, beside all its lines."""
    turned = b"BT /F 9 Tf 0 1 -1 0 20 40 Tm (%s) Tj ET" % " ".join(FOOTER).encode()[:200]
    (page,) = reader.read(saved(pasted(SCAN, turned))).pages
    assert recall(TRUTH, page.text) > 0.95
    assert "DocuSign" in page.text


def test_a_stamp_does_not_hide_a_scan_in_strips(saved: SaveAs, reader: Reader) -> None:
    pixels, width, height = SCAN
    pdf, drawn, names, high = Pdf(), b"", b"", height // 150
    for number in range(150):
        strip = pixels[number * high * width : (number + 1) * high * width]
        names += b"/I%d %d 0 R " % (number, pdf.stream(PICTURE % (width, high), strip))
        bottom = HEIGHT * (1 - (number + 1) * high / height)
        drawn += b"q 612 0 0 %f 0 %f cm /I%d Do Q " % (HEIGHT * high / height, bottom, number)
    (page,) = reader.read(saved(pdf.page(drawn + operators(FOOTER, 60), images=names).made())).pages
    assert recall(TRUTH, page.text) > 0.95


def test_a_black_stamp_does_not_hide_a_pale_scan(saved: SaveAs, reader: Reader) -> None:
    pixels, width, height = SCAN
    pale = pixels.translate(bytes(160 + grey * 3 // 10 for grey in range(256)))
    (page,) = reader.read(saved(pasted((pale, width, height), operators(FOOTER, 60)))).pages
    assert recall(TRUTH, page.text) > 0.95


def test_a_stamp_on_a_small_page_does_not_hide_its_scan(saved: SaveAs, reader: Reader) -> None:
    content = pasted(SCAN, b"BT /F 1 Tf 9 4 Td (Scanned by the clerk on 3 August) Tj ET", b"93 0 0 120 0 0")
    (page,) = reader.read(saved(content.replace(b"MediaBox[0 0 612 792]", b"MediaBox[0 0 93 120]"))).pages
    assert recall(TRUTH, page.text) > 0.95


def test_a_picture_of_text_below_text_is_read(saved: SaveAs, reader: Reader) -> None:
    """As in an agenda with a scan in it; both are kept, the layer as it is."""
    other = ["Consent calendar: warrants, claims, and the treasurer's report for July."] * 5
    (page,) = reader.read(saved(pasted(SCAN, operators(other), b"400 0 0 500 60 50"))).pages
    assert recall(TRUTH, page.text) > 0.95
    assert recall("\n".join(other), page.text) == 1


def test_a_picture_without_text_leaves_the_layer_as_it_is(saved: SaveAs, reader: Reader) -> None:
    gradient = Image.radial_gradient("L").resize((700, 700)).tobytes()
    content = pasted((gradient, 700, 700), operators(MINUTES), b"300 0 0 300 100 100")
    (page,) = reader.read(saved(content)).pages
    assert (page.text, page.how) == (TRUTH, "layer")


def test_the_text_behind_a_scan_that_covers_it_needs_no_engine(saved: SaveAs, reader: Reader) -> None:
    (page,) = reader.read(saved(scan(*MINUTES, hidden=MINUTES)), engine="none").pages
    assert (page.text, page.how) == (TRUTH, "layer")


def test_a_large_picture_on_a_small_page_is_read_and_drawn_as_finely(
    saved: SaveAs, reader: Reader, tmp_path: Path
) -> None:
    content = pasted(photographed(Pdf().text(*MINUTES).made(), dpi=300), b"", b"93 0 0 120 0 0")
    pdf = saved(content.replace(b"MediaBox[0 0 %d %d]" % (WIDTH, HEIGHT), b"MediaBox[0 0 93 120]"))
    (page,) = reader.read(pdf, pictures=tmp_path).pages
    assert recall(TRUTH, page.text) > 0.95
    with Image.open(tmp_path / "1.png") as drawn:
        assert 1600 < drawn.height <= 2401


CHINESE = "市議會批准了上次會議的記錄並聽取了三位居民關於水費的意見會議於晚上九時結束"


def strokes(seed: int = 3) -> bytes:
    """Return a picture of signs that the engine takes for letters, though they are not in its alphabet."""
    import random

    draws = random.Random(seed)
    image = Image.new("L", (1275, 1650), 255)
    paint = ImageDraw.Draw(image)
    for place in range(14 * 38):
        x, y = 80 + place % 38 * 28, 80 + place // 38 * 50
        for _ in range(draws.randint(4, 8)):
            across = draws.random() < 0.5
            start = (x, y + draws.randint(0, 22)) if across else (x + draws.randint(0, 22), y)
            paint.line((*start, start[0] + 24 * across, start[1] + 24 * (not across)), fill=0, width=2)
    return image.tobytes()


def unicode_page(text: str, picture: bytes) -> bytes:
    """Return a page with a picture and text in a font that says which characters its codes are."""
    pdf = Pdf()
    codes = b"\n".join(b"<%04X> <%s>" % (n, char.encode("utf-16-be").hex().encode()) for n, char in enumerate(text, 1))
    table = b"begincmap 1 begincodespacerange <0000> <FFFF> endcodespacerange %d beginbfchar %s endbfchar endcmap"
    to_unicode = pdf.stream(b"", table % (len(text), codes))
    base = b"/Type/Font/BaseFont/Song/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"
    descendant = pdf.add(b"<<%s/Subtype/CIDFontType2/DW 1000>>" % base)
    font = pdf.add(
        b"<</Type/Font/Subtype/Type0/BaseFont/Song/Encoding/Identity-H/DescendantFonts[%d 0 R]/ToUnicode %d 0 R>>"
        % (descendant, to_unicode)
    )
    image = pdf.stream(PICTURE % (1275, 1650), picture)
    shown = b"".join(b"%04X" % n for n in range(1, len(text) + 1))
    drawn = b"q 612 0 0 792 0 0 cm /I Do Q BT 3 Tr /C 12 Tf 50 40 Td <%s> Tj ET" % shown
    return pdf.page(drawn, images=b"/I %d 0 R>>/Font<</C %d 0 R" % (image, font)).made()


def test_a_layer_in_a_script_that_the_engine_does_not_know_wins_over_noise(saved: SaveAs, reader: Reader) -> None:
    (page,) = reader.read(saved(unicode_page(CHINESE, strokes()))).pages
    assert (page.text.strip(), page.how) == (CHINESE, "layer")


def test_a_scan_below_a_stamp_in_another_script_is_read_too(saved: SaveAs, reader: Reader) -> None:
    image = Image.new("L", (1275, 1650), 255)
    paint, font = ImageDraw.Draw(image), ImageFont.load_default(size=26)
    for number, line in enumerate(MINUTES):
        paint.text((60, 150 + 60 * number), line, fill=0, font=font)
    (page,) = reader.read(saved(unicode_page(CHINESE, image.tobytes()))).pages
    assert recall(TRUTH, page.text) > 0.95
    assert CHINESE in page.text


def test_a_word_that_a_page_breaks_is_found(saved: SaveAs, reader: Reader) -> None:
    pages = reader.read(
        saved(Pdf().text("The council adopted the trans-", "- 1 -").text("portation plan.").made())
    ).pages
    assert [page.text for page in pages] == ["The council adopted the transportation\n- 1 -", "plan."]
