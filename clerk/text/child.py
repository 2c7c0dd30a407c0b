"""The process that touches PDF and OCR libraries: one document at a time, `python -m clerk.text.child FD`.

It answers a request with the number of pages, then a message for each page.
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
from clerk.text.pages import look_at, opened, page_of, read_page, render, without_idle_colour


def answer(request: Message) -> Iterator[Message]:
    """Read or draw a document, as the request asks."""
    limits = ReadingLimits(**request["limits"])
    try:
        yield from _pages(request, limits)
    except PdfiumError as error:
        raise DocumentError("damaged", f"failed: PdfiumError: {error}") from None


def _pages(request: Message, limits: ReadingLimits) -> Iterator[Message]:
    with opened(request["pdf"], limits) as document:
        yield {"pages": len(document)}
        for number in range(request["start"], len(document) + 1):
            with page_of(document, number) as page:
                if request["do"] == "read":
                    engine = Engine(**request["engine"])
                    yield asdict(read_page(page, number, recogniser=partial(recogniser, engine), limits=limits))
                    continue
                picture = without_idle_colour(render(page, look_at(page), limits=limits, grayscale=False).to_pil())
                # Level 3 takes half the time of the default, and scans come out smaller.
                picture.save(Path(request["folder"], f"{number}.png"), compress_level=3)
            yield {"number": number}


if __name__ == "__main__":
    serve(answer)
