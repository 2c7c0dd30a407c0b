"""The OCR engines, each a function from a rendered page to its text; only the child imports this."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pypdfium2 as pdfium

from clerk.text.document import DocumentError
from clerk.text.engines import ENGINES, Engine
from clerk.text.plausibility import Seen

DPI = 150

#: The confidence in percent below which a line is doubtful.
_DOUBT = 60

Recognise = Callable[[pdfium.PdfBitmap], Seen]

#: Starts the engine, at the first page that needs it.
Recogniser = Callable[[], Recognise]


@lru_cache(maxsize=2)
def recogniser(engine: Engine) -> Recognise:
    """Start an engine; it takes bitmaps of one byte a pixel, `DPI` to the inch."""
    return {"tesserocr": _tesserocr, "tesseract-cli": _tesseract, "rapidocr": _rapidocr, "none": _none}[engine.name](
        engine
    )


def _tesserocr(engine: Engine) -> Recognise:
    import tesserocr  # heavy, and only for this engine

    mode = tesserocr.PSM.AUTO_OSD if engine.orientation else tesserocr.PSM.AUTO
    api = tesserocr.PyTessBaseAPI(path=engine.tessdata, lang=engine.languages, psm=mode)

    def recognise(image: pdfium.PdfBitmap) -> Seen:
        api.SetImageBytes(bytes(image.buffer), image.width, image.height, 1, image.stride)
        api.SetSourceResolution(DPI)
        try:
            text = str(api.GetUTF8Text())
            lines = tesserocr.iterate_level(api.GetIterator(), tesserocr.RIL.TEXTLINE) if text.strip() else ()
            level = tesserocr.RIL.TEXTLINE
            doubtful = {line.GetUTF8Text(level).strip() for line in lines if line.Confidence(level) < _DOUBT}
            return Seen(text, api.MeanTextConf() / 100, frozenset(doubtful))
        finally:
            api.Clear()

    return recognise


def _tesseract(engine: Engine) -> Recognise:
    mode = "1" if engine.orientation else "3"
    options = ["--psm", mode, "--dpi", str(DPI), "-l", engine.languages, "--tessdata-dir", engine.tessdata]

    def recognise(image: pdfium.PdfBitmap) -> Seen:
        pixels, stride = memoryview(image.buffer).cast("B"), image.stride
        rows = b"".join(pixels[start : start + image.width] for start in range(0, image.height * stride, stride))
        graymap = b"P5 %d %d 255\n" % (image.width, image.height) + rows
        command = ["tesseract", "stdin", "stdout", *options]
        done = subprocess.run(command, input=graymap, capture_output=True, check=False)
        if done.returncode:
            last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            raise DocumentError("crash", f"made tesseract exit with {done.returncode}: {last[:200]}")
        return Seen(done.stdout.decode(errors="replace").rstrip("\f"))

    return recognise


def _rapidocr(_: Engine) -> Recognise:
    from rapidocr import RapidOCR  # heavy, and only for this engine

    engine: Any = RapidOCR()
    return lambda image: Seen("\n".join(engine(image.to_numpy()).txts or ()))


def _none(_: Engine) -> Recognise:
    def recognise(_: pdfium.PdfBitmap) -> Seen:
        raise DocumentError("no-engine", f"is an image, and there is nothing to read it with: {ENGINES['tesserocr']}")

    return recognise
