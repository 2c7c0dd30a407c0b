"""Whether the compressed data of a picture are damaged: pdfium draws on after an error, and says nothing."""

from __future__ import annotations

import io
from contextlib import closing
from typing import Any

import pikepdf
import pypdfium2 as pdfium
from PIL import Image, ImageChops

#: JPEG markers (ITU-T T.81, B.1.1.3): start, baseline frames, start of a scan, applications and comment.
_START, _BASELINE, _SCAN = b"\xff\xd8", (0xC0, 0xC1), 0xDA
_APART = (*range(0xE0, 0xF0), 0xFE)

#: The parameters of a scan of a baseline frame: all of the spectrum, at full precision.
_WHOLE_SPECTRUM = b"\0\x3f\0"

#: The share of a fax's lines that two decoders have to agree on: some programs leave out the last ones.
_LINES = 0.98


def is_damaged_jpeg(data: bytes) -> bool:
    """Return whether the decoder warns of a JPEG's data; what it warns of in the head alone is no damage."""
    return _is_corrupt(data) and _is_corrupt(_plain_head(data))


def _is_corrupt(data: bytes) -> bool:
    """Return whether qpdf, which takes each warning of libjpeg for an error, finds the data corrupt."""
    try:
        with pikepdf.new() as pdf:  # which the stream lives in
            stream = pikepdf.Stream(pdf, data, Filter=pikepdf.Name.DCTDecode)
            stream.read_bytes(decode_level=pikepdf.StreamDecodeLevel.all)
    except pikepdf.DataDecodingError as error:
        return "corrupt" in str(error)
    except (pikepdf.PdfError, RuntimeError):
        return False
    return False


def _plain_head(data: bytes) -> bytes:
    """Return a JPEG without what programs add to its head, and with the parameters that a baseline scan must have."""
    head, place, baseline = [_START], len(_START), False
    while (place := data.find(b"\xff", place)) >= 0 and place + 4 <= len(data):
        kind, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4])
        if kind in (0x00, 0xFF):  # fill bytes
            place += 1
            continue
        segment = data[place : place + 2 + length]
        baseline |= kind in _BASELINE
        if kind == _SCAN and baseline:
            segment = segment[:-3] + _WHOLE_SPECTRUM
        if kind not in _APART:
            head.append(segment)
        place += 2 + length
        if kind == _SCAN:
            break
    return b"".join([*head, data[max(place, 0) :]])


def is_damaged_fax(image: Any) -> bool:
    """Return whether a picture in Group 4 is damaged: libtiff and pdfium go on differently after an error.

    False for other variants of CCITTFaxDecode (ISO 32000-2, 7.4.6).
    """
    parms = image.get("/DecodeParms")
    parms = parms[0] if isinstance(parms, pikepdf.Array) and len(parms) == 1 else parms
    if not isinstance(parms, pikepdf.Dictionary) or parms.get("/K", 0) >= 0 or parms.get("/EncodedByteAlign", False):
        return False
    try:
        first, second = _by_pdfium(image), pikepdf.PdfImage(image).as_pil_image().convert("1")
    except (OSError, ValueError):
        return True
    except (NotImplementedError, pikepdf.PdfError, pdfium.PdfiumError, pikepdf.models.image.UnsupportedImageTypeError):
        return False  # a variant of one of the two
    if first.size != second.size:
        return False
    top = (0, 0, first.width, int(first.height * _LINES))
    darkest, lightest = ImageChops.logical_xor(first, second).crop(top).getextrema()
    return darkest != lightest  # which of the two values is black is no matter


def _by_pdfium(image: Any) -> Image.Image:
    pdf, file = pikepdf.new(), io.BytesIO()
    page = pdf.add_blank_page()
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(I=pdf.copy_foreign(image)))
    page.Contents = pikepdf.Stream(pdf, b"/I Do")
    pdf.save(file)
    with closing(pdfium.PdfDocument(file.getvalue())) as document, closing(document[0]) as drawn:
        (item,) = drawn.get_objects()
        made: Image.Image = item.get_bitmap().to_pil().convert("1")
        return made
