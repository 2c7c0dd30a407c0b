"""Pictures inside documents that are not PDF: which of them may hold text, and what the engine sees in them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import pypdfium2 as pdfium
from PIL import Image

from clerk.text import layer
from clerk.text.decoding import is_damaged_jpeg
from clerk.text.document import DocumentError
from clerk.text.ocr import Recogniser
from clerk.text.pictures import WORTH_READING
from clerk.text.plausibility import combined

#: What Pillow calls the drawings of Windows, .wmf and .emf, which it does not decode here.
_DRAWING = "WMF"

#: To how many pixels the longer side of a picture is reduced: letter paper at 218 to the inch.
_LONG_SIDE = 2400


@dataclass(frozen=True, slots=True)
class EmbeddedPicture:
    """A picture as the document holds it."""

    content: bytes

    def text(self, recogniser: Recogniser) -> str:
        """Return what the engine sees, without what is no writing; damaged if the picture cannot be decoded."""
        drawn = self._decoded()
        drawn.thumbnail((_LONG_SIDE, _LONG_SIDE))
        bitmap = pdfium.PdfBitmap.from_pil(drawn)
        return combined("", recogniser()(bitmap).changed(layer.tidy))[0].strip()

    def require_whole(self) -> None:
        """Raise damaged if the picture cannot be decoded to its end."""
        self._decoded()

    def _decoded(self) -> Image.Image:
        try:
            with Image.open(io.BytesIO(self.content)) as image:
                drawn = image.convert("RGBA")
                damaged = image.format == "JPEG" and is_damaged_jpeg(self.content)
        except Exception:  # Pillow's readers raise anything
            damaged = True
        if damaged:
            raise DocumentError("damaged", "holds a picture that cannot be decoded")
        paper = Image.new("RGBA", drawn.size, "white")
        return Image.alpha_composite(paper, drawn).convert("L")


def chosen(pictures: Sequence[bytes], pixels: int) -> tuple[dict[int, EmbeddedPicture], list[str]]:
    """Return the pictures that may hold text, by their places, and the names of those that are not read.

    Not read are drawings of Windows and pictures of more than so many pixels.
    """
    found, left_out = {}, []
    for place, content in enumerate(pictures):
        try:
            with Image.open(io.BytesIO(content)) as image:
                form, size = image.format or "", image.width * image.height
        except Exception:  # as above
            form, size = "of an unknown format", 0
        if form == _DRAWING or size > pixels or not size:
            left_out.append(f"picture {place + 1} ({form})")
        elif size >= WORTH_READING:
            found[place] = EmbeddedPicture(content)
    return found, left_out
