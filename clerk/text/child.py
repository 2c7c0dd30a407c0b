"""The process that touches PDF and OCR libraries: one document at a time, `python -m clerk.text.child FD`.

It answers a request with the number of pages, then a message for each page: with its text if an "engine" is named, its
picture drawn into the folder "pictures" if that is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

from pypdfium2 import PdfiumError

from clerk.child_process import Message, serve
from clerk.text.document import DocumentError, ReadingLimits
from clerk.text.engines import Engine
from clerk.text.ocr import recogniser
from clerk.text.pages import draw_page, opened, page_of, read_page


def answer(request: Message) -> Iterator[Message]:
    """Read or draw a document, as the request asks."""
    limits = ReadingLimits(**request["limits"])
    try:
        yield from _pages(request, limits)
    except PdfiumError as error:
        raise DocumentError("damaged", f"failed: PdfiumError: {error}") from None


def _pages(request: Message, limits: ReadingLimits) -> Iterator[Message]:
    engine, pictures = request["engine"], request["pictures"]
    with opened(request["pdf"], limits) as document:
        yield {"pages": len(document)}
        for number in range(request["start"], len(document) + 1):
            with page_of(document, number, limits) as page:
                read = asdict(read_page(page, number, partial(recogniser, Engine(**engine)))) if engine else {}
                if pictures:
                    draw_page(page, Path(pictures, f"{number}.png"))
            yield {"number": number, **read}


if __name__ == "__main__":
    serve(answer)
