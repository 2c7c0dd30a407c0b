"""Documents that are not PDF, PDFs that hold other documents, and PDFs that are not the document."""

from __future__ import annotations

import io
import logging
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from clerk.text import DocumentError, Reader
from devtools.pdfs import MINUTES, Pdf, locked, photographed, scan
from tests.integration.text.conftest import SaveAs

pytestmark = pytest.mark.slow

NAMESPACE = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
NO_PICTURES: Mapping[str, bytes] = {}
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def run(text: str, look: str = "") -> str:
    return f'<w:r><w:rPr>{look}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def drawing(name: str) -> str:
    """Return the run of a picture, as Word writes it without what says where it is."""
    uri = "http://schemas.openxmlformats.org/drawingml/2006"
    blip = f'<a:blip xmlns:a="{uri}/main" xmlns:r="{OFFICE}" r:embed="{name}"/>'
    fill = f'<pic:pic xmlns:pic="{uri}/picture"><pic:blipFill>{blip}</pic:blipFill></pic:pic>'
    graphic = f'<a:graphic xmlns:a="{uri}/main"><a:graphicData>{fill}</a:graphicData></a:graphic>'
    inline = f'<wp:inline xmlns:wp="{uri}/wordprocessingDrawing">{graphic}</wp:inline>'
    return f"<w:r><w:drawing>{inline}</w:drawing></w:r>"


def paragraph(*runs: str) -> str:
    return f"<w:p>{''.join(runs)}</w:p>"


def archive(**parts: str) -> bytes:
    """Return an archive; __ in a name stands for a slash, _ for a dot, as in word__document_xml."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, content in parts.items():
            made.writestr(name.replace("__", "/").replace("_", "."), content)
    return file.getvalue()


def docx(*paragraphs: str, header: str = "City of Example", pictures: Mapping[str, bytes] = NO_PICTURES) -> bytes:
    one = f'<Relationship Id="%s" Type="{OFFICE}/%s" Target="%s"/>'
    relations = f'<Relationships xmlns="{PACKAGE}/relationships">%s</Relationships>'
    inside = [("header", "header", "header1.xml"), *((name, "image", f"media/{name}") for name in pictures)]
    file = io.BytesIO(
        archive(
            word__document_xml=f"<w:document {NAMESPACE}><w:body>{''.join(paragraphs)}</w:body></w:document>",
            word__header1_xml=f"<w:hdr {NAMESPACE}>{paragraph(run(header))}</w:hdr>",
        )
    )
    with zipfile.ZipFile(file, "a") as made:
        made.writestr("_rels/.rels", relations % (one % ("r1", "officeDocument", "word/document.xml")))
        made.writestr("word/_rels/document.xml.rels", relations % "".join(one % each for each in inside))
        for name, picture in pictures.items():
            made.writestr(f"word/media/{name}", picture)
        made.writestr("[Content_Types].xml", f'<Types xmlns="{PACKAGE}/content-types"/>')
    return file.getvalue()


PAGE_BREAK = '<w:r><w:br w:type="page"/></w:r>'
WORKBOOK = archive(xl__workbook_xml="<x/>")
WORD = docx(
    paragraph(run("The motion passed "), run("four to one.")),
    paragraph(run("seen"), run(" draft: not for publication", "<w:vanish/>")),
    f"<w:tbl><w:tr><w:tc>{paragraph(run('Ayes'))}</w:tc><w:tc>{paragraph(run('Garcia, Lee'))}</w:tc></w:tr></w:tbl>",
    paragraph('<w:del><w:r><w:delText>struck out</w:delText></w:r></w:del><w:r><w:br w:type="page"/></w:r>'),
    paragraph(run("Adjourned &amp; signed")),
)
RTF = (
    rb"{\rtf1\ansi\ansicpg1252 Se\'f1or Garc\'eda moved\par the trans\-portation plan. {\v draft}"
    rb"\page \u8220?Adjourned\u8221?}"
)
PAGE = """<!DOCTYPE html><html><head><title>Town</title><style>p {}</style></head><body><h1>Minutes</h1><p>The motion
  passed <b>4</b>-1.<br>Adjourned<div hidden>draft</div><p style="display: none">draft</p><!-- draft --><table><tr>
  <td>Ayes
  <td>Se&ntilde;or Lee</table><script>draft()</script></body></html>"""

READ = {
    "docx": (
        "a.docx",
        WORD,
        ["City of Example\nThe motion passed four to one.\nseen\nAyes Garcia, Lee", "Adjourned & signed"],
    ),
    "docx named pdf": ("a.pdf", docx(paragraph(run("one"))), ["City of Example\none"]),
    "rtf": ("a.rtf", RTF, ["Señor García moved\nthe transportation plan.", "\u201cAdjourned\u201d"]),
    "rtf named doc": ("a.doc", RTF, ["Señor García moved\nthe transportation plan.", "\u201cAdjourned\u201d"]),
    "html": ("a.html", PAGE.encode(), ["Minutes\nThe motion passed 4-1.\nAdjourned\nAyes Señor Lee"]),
    "html of another charset": ("a.htm", b'<html><meta charset="cp1252"><p>a\xf1o', ["año"]),
    "text": ("a.txt", "El año\r\nadmi-\r\nnistración\fpage two".encode(), ["El año\nadministración", "page two"]),
    "text of an old program": ("a.txt", "año".encode("cp1252"), ["año"]),
    "text in UTF-16": ("a.txt", "año".encode("utf-16"), ["año"]),
    "pdf named docx": ("a.docx", Pdf().text("one").made(), ["one"]),
}


@pytest.mark.parametrize(("name", "content", "pages"), READ.values(), ids=READ)
def test_a_document_of_another_format_is_read(
    tmp_path: Path, reader: Reader, name: str, content: bytes, pages: list[str]
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    read = reader.read(file).pages
    assert [page.text for page in read] == pages
    assert {page.how for page in read} == {"layer"}
    if not content.startswith(b"%PDF"):
        assert reader.render(file, tmp_path / "pictures") == []


def photograph(kind: str, *lines: str) -> bytes:
    """Return a picture of text."""
    data, width, height = photographed(Pdf().text(*lines).made())
    file = io.BytesIO()
    Image.frombytes("L", (width, height), data).save(file, kind)
    return file.getvalue()


EMF = struct.pack("<10I", 1, 100, 0, 0, 400, 400, 0, 0, 9000, 9000) + b" EMF" + bytes(60)


def cut_seal() -> bytes:
    """Return a small picture that ends too early."""
    file = io.BytesIO()
    Image.effect_noise((90, 90), 90).save(file, "PNG")
    return file.getvalue()[:2000]


def test_pictures_in_a_document_are_read_at_their_places(
    tmp_path: Path, reader: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    pictures = {
        "a.png": photograph("PNG", *MINUTES[:2]),
        "b.png": cut_seal(),
        "c.emf": EMF,
        "d.jpg": photograph("JPEG", *MINUTES[2:4]),
    }
    runs = [drawing("a.png"), run("below"), drawing("b.png"), drawing("c.emf")]
    file = tmp_path / "a.docx"
    file.write_bytes(
        docx(paragraph(run("above")), paragraph(*runs, PAGE_BREAK), paragraph(drawing("d.jpg")), pictures=pictures)
    )
    with caplog.at_level(logging.WARNING):
        first, second = reader.read(file).pages
    assert (first.how, second.how) == ("ocr", "ocr")
    assert first.text == "\n".join(["City of Example", "above", *MINUTES[:2], "below"])
    assert second.text == "\n".join(MINUTES[2:4])
    assert "not read in this document: picture 3 (WMF)" in caplog.text


def test_a_picture_in_a_document_that_cannot_be_decoded_fails_it(tmp_path: Path, reader: Reader) -> None:
    file, whole = tmp_path / "a.docx", photograph("JPEG", *MINUTES)
    middle = len(whole) // 2
    for damaged in (whole[:middle], whole[:middle] + bytes(4096) + whole[middle + 4096 :]):
        pages = [
            paragraph(run("one"), PAGE_BREAK),
            paragraph(drawing("a.jpg"), PAGE_BREAK),
            paragraph(drawing("a.jpg")),
        ]
        file.write_bytes(docx(*pages, pictures={"a.jpg": damaged}))
        with pytest.raises(DocumentError, match=r"page 2 holds a picture .* \(page 3 is damaged too\)") as caught:
            reader.read(file)
        assert (caught.value.kind, [page.text for page in caught.value.pages]) == ("damaged", ["City of Example\none"])


REFUSED = {
    "old Word": (
        "a.doc",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        "unsupported",
        "is a file of an old Office",
    ),
    "workbook": ("a.xlsx", WORKBOOK, "unsupported", "is an Excel workbook, which is not read"),
    "slides": ("a.pdf", archive(ppt__presentation_xml="<x/>"), "unsupported", "is a PowerPoint presentation"),
    "OpenDocument": ("a.odt", archive(content_xml="<x/>"), "unsupported", "is an OpenDocument file"),
    "archive": ("a.zip", archive(a_pdf="?"), "unsupported", r"is an archive \(zip\)"),
    "picture": ("a.tif", b"II*\0" + bytes(99), "unsupported", r"is a picture \(TIFF\)"),
    "WordPerfect": ("a.wpd", b"\xffWPC" + bytes(99), "unsupported", "is a WordPerfect document"),
    "docx, cut": ("a.docx", WORD[:500], "damaged", "is a damaged archive"),
    "docx without text": (
        "a.docx",
        docx(paragraph(), header=""),
        "unsupported",
        "holds no text",
    ),
    "web page named docx": ("a.docx", PAGE.encode(), "not-a-pdf", "is a web page named .docx"),
    "text named pdf": ("a.pdf", b"Not found", "not-a-pdf", "is something else named PDF"),
}


@pytest.mark.parametrize(("name", "content", "kind", "says"), REFUSED.values(), ids=REFUSED)
def test_a_document_that_is_not_read_says_what_it_is(
    tmp_path: Path, reader: Reader, name: str, content: bytes, kind: str, says: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(DocumentError, match=says) as caught:
        reader.read(file)
    assert (caught.value.kind, caught.value.permanent) == (kind, True)


XFA_PAGE = (
    "Please wait...",
    "If this message is not eventually replaced by the proper contents of the document, your PDF",
)


def test_a_form_that_only_adobe_can_show_is_not_its_placeholder(saved: SaveAs, reader: Reader) -> None:
    pdf = Pdf(catalog=b"/AcroForm<</Fields[]/XFA 4 0 R>>/NeedsRendering true")
    pdf.stream(b"", b"<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'/>")
    static = Pdf(catalog=b"/AcroForm<</Fields[]/XFA 4 0 R>>")
    static.stream(b"", b"<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'/>")
    for content in (pdf.text("...").made(), static.text("Bitte warten").made(), Pdf().text(*XFA_PAGE).made()):
        with pytest.raises(DocumentError, match=r"dynamic XFA form|says only that") as caught:
            reader.read(saved(content))
        assert caught.value.kind == "unsupported"


def test_a_form_that_has_pages_is_read(saved: SaveAs, reader: Reader) -> None:
    pdf = Pdf(catalog=b"/AcroForm<</Fields[]/XFA 4 0 R>>")
    pdf.stream(b"", b"<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'/>")
    lines = [*MINUTES, *MINUTES, *MINUTES]
    assert reader.read(saved(pdf.text(*lines).made())).pages[0].text == "\n".join(lines)


COVER = ("For the best experience, open this PDF portfolio in", "Acrobat X or Adobe Reader X, or later.")


def portfolio(files: dict[str, bytes], *cover: str) -> bytes:
    pdf = Pdf()
    names = []
    for name, content in files.items():
        stored = pdf.stream(b"/Type/EmbeddedFile", content)
        spec = pdf.add(b"<</Type/Filespec/F(%s)/UF(%s)/EF<</F %d 0 R>>>>" % (name.encode(), name.encode(), stored))
        names.append(b"(%s) %d 0 R" % (name.encode(), spec))
    pdf.catalog = b"/Collection<</Type/Collection>>/Names<</EmbeddedFiles<</Names[%s]>>>>" % b" ".join(names)
    return pdf.text(*cover).made()


def test_the_documents_of_a_portfolio_are_read_in_place_of_its_cover(
    saved: SaveAs, reader: Reader, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    two = Pdf().text("Agenda, page one").text("Agenda, page two").made()
    inner = portfolio({"deep.pdf": Pdf().text("Deep").made()}, *COVER)
    files = {
        "a.pdf": two,
        "b.docx": docx(paragraph(run("Minutes"), drawing("a.emf")), pictures={"a.emf": EMF}),
        "c.pdf": inner,
        "d.xlsx": WORKBOOK,
    }
    pdf = saved(portfolio(files, *COVER))
    with caplog.at_level(logging.WARNING):
        pages = reader.read(pdf).pages
    assert [page.text for page in pages] == ["Agenda, page one", "Agenda, page two", "City of Example\nMinutes", "Deep"]
    assert [page.number for page in pages] == [1, 2, 3, 4]
    assert "not read in this document: b.docx: picture 1 (WMF), d.xlsx" in caplog.text
    assert [file.name for file in reader.render(pdf, tmp_path / "pictures")] == ["1.png", "2.png", "4.png"]


def test_a_cover_that_is_a_document_itself_is_read_too(saved: SaveAs, reader: Reader) -> None:
    content = portfolio({"a.pdf": Pdf().text("Attachment").made()}, *(MINUTES * 3))
    assert [page.text for page in reader.read(saved(content)).pages] == ["\n".join(MINUTES * 3), "Attachment"]


@pytest.mark.parametrize(
    ("files", "kind", "says"),
    [
        ({}, "unsupported", "portfolio without a document that is read here; it holds no file"),
        ({"a.xlsx": WORKBOOK}, "unsupported", "it holds a.xlsx"),
        (
            {"a.pdf": Pdf().text("one").made(), "b.pdf": locked()},
            "encrypted",
            "in which b.pdf needs a password",
        ),
        ({"a.pdf": b"%PDF-1.4 cut"}, "damaged", "portfolio in which a.pdf is damaged or cut short"),
    ],
    ids=["empty", "workbooks only", "locked", "damaged"],
)
def test_a_portfolio_that_cannot_be_read_says_why(
    saved: SaveAs, reader: Reader, files: dict[str, bytes], kind: str, says: str
) -> None:
    with pytest.raises(DocumentError, match=says) as caught:
        reader.read(saved(portfolio(files, *COVER)))
    assert (caught.value.kind, caught.value.permanent) == (kind, True)


def test_a_file_attached_to_a_document_is_no_part_of_it(saved: SaveAs, reader: Reader) -> None:
    content = portfolio({"a.pdf": scan("attached")}, *MINUTES).replace(b"/Collection<</Type/Collection>>", b"")
    assert [page.text for page in reader.read(saved(content)).pages] == ["\n".join(MINUTES)]
