"""Small PDFs of every kind that a city may publish, written by hand."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

#: Letter paper, in points.
WIDTH, HEIGHT = 612, 792

CATALOG, TREE, FONT = 1, 2, 3

Lines = Sequence[str]

MINUTES = """
The regular meeting of the city council was called to order at seven in the evening by the mayor.
Council members Garcia, Thompson and Williams were present; council member Nguyen was excused.
The minutes of the previous meeting were approved as presented on a motion by Thompson.
The public hearing on the proposed water rates was opened and three residents spoke.
There being no further business before the council, the meeting was adjourned.
""".strip().splitlines()


@dataclass
class Pdf:
    """A PDF in the making: `add` objects and pages, then take its bytes."""

    catalog: bytes = b""
    trailer: bytes = b""
    objects: list[bytes] = field(default_factory=lambda: [b"", b"", b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"])
    pages: list[int] = field(default_factory=list)

    def add(self, content: bytes) -> int:
        """Add an object, and return its number."""
        self.objects.append(content)
        return len(self.objects)

    def stream(self, dictionary: bytes, data: bytes) -> int:
        """Add a compressed stream."""
        packed = zlib.compress(data)
        head = b"<<%s/Filter/FlateDecode/Length %d>>stream\n" % (dictionary, len(packed))
        return self.add(head + packed + b"\nendstream")

    def page(self, content: bytes, extra: bytes = b"", *, images: bytes = b"") -> Pdf:
        """Add a page that is drawn by these operators."""
        resources = b"/Resources<</Font<</F %d 0 R>>/XObject<<%s>>>>" % (FONT, images)
        drawn = self.stream(b"", content)
        self.pages.append(
            self.add(
                b"<</Type/Page/Parent %d 0 R/MediaBox[0 0 %d %d]/Contents %d 0 R%s%s>>"
                % (TREE, WIDTH, HEIGHT, drawn, resources, extra)
            )
        )
        return self

    def text(self, *lines: str) -> Pdf:
        """Add a page of text."""
        return self.page(operators(lines))

    def picture(self, pixels: bytes, width: int, height: int, *, stamp: str = "", hidden: Lines = ()) -> Pdf:
        """Add a page that is one grey picture, and perhaps a line of text below, and text that only machines see."""
        head = b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray/BitsPerComponent 8"
        image = self.stream(head % (width, height), pixels)
        drawn = b"q %d 0 0 %d 0 0 cm /I Do Q " % (WIDTH, HEIGHT)
        return self.page(drawn + operators([stamp], 50) + b" 3 Tr " + operators(hidden), images=b"/I %d 0 R" % image)

    def field(self, value: str) -> Pdf:
        """Add a page whose one form field was filled in."""
        shape = b"/Type/XObject/Subtype/Form/BBox[0 0 300 20]/Resources<</Font<</F %d 0 R>>>>" % FONT
        shown = self.stream(shape, b"/Tx BMC BT /F 12 Tf 2 5 Td (%s) Tj ET EMC" % value.encode())
        widget = self.add(
            b"<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/F 4/Rect[100 500 400 520]/V(%s)/AP<</N %d 0 R>>/DA(/F 12 Tf)>>"
            % (value.encode(), shown)
        )
        self.catalog = b"/AcroForm<</Fields[%d 0 R]>>" % widget
        return self.page(operators(MINUTES), b"/Annots[%d 0 R]" % widget)

    def made(self) -> bytes:
        """Return the file."""
        kids = b" ".join(b"%d 0 R" % page for page in self.pages)
        self.objects[CATALOG - 1] = b"<</Type/Catalog/Pages %d 0 R%s>>" % (TREE, self.catalog)
        self.objects[TREE - 1] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(self.pages), kids)
        out, offsets = b"%PDF-1.5\n", []
        for number, content in enumerate(self.objects, 1):
            offsets.append(len(out))
            out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
        table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
        head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1)
        tail = b"trailer<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF" % (len(offsets) + 1, self.trailer, len(out))
        return out + head + table + tail


def operators(lines: Lines, start: int = 730) -> bytes:
    """Write lines from the top of a page, or from so many points above its bottom."""
    shown = b" ".join(b"(%s) Tj T*" % escaped(line) for line in lines)
    return b"BT /F 12 Tf 16 TL 50 %d Td %s ET" % (start, shown)


def escaped(line: str) -> bytes:
    """Return a line as it stands in a PDF's parentheses."""
    return line.encode("latin-1").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def photographed(pdf: bytes, *, turned: int = 0, dpi: int = 150) -> tuple[bytes, int, int]:
    """Return the pixels, width and height of a PDF's first page, turned clockwise by so many degrees."""
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf)
    image = document[0].render(scale=dpi / 72, grayscale=True).to_pil().rotate(-turned, expand=True)
    document.close()
    return image.tobytes(), image.width, image.height


def scan(*lines: str, turned: int = 0, stamp: str = "", hidden: Lines = ()) -> bytes:
    """Return a PDF of one picture of text."""
    return Pdf().picture(*photographed(Pdf().text(*lines).made(), turned=turned), stamp=stamp, hidden=hidden).made()


def locked() -> bytes:
    """Return a PDF that asks for a password which nobody has."""
    key = b"<%s>" % (b"5a" * 32)
    standard = b"/Encrypt<</Filter/Standard/V 1/R 2/O%s/U%s/P -4>>/ID[%s%s]" % (key, key, key, key)
    return Pdf(trailer=standard).text(*MINUTES).made()
