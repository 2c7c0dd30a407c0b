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
from clerk.text.opening import Pages, opened
from clerk.text.portfolio import is_placeholder, placeholder_error


def answer(request: Message) -> Iterator[Message]:
    """Read or draw a document, as the request asks."""
    limits = ReadingLimits(**request["limits"])
    try:
        with opened(request["pdf"], limits) as document:
            yield {"pages": len(document), "left_out": document.left_out}
            yield from _pages(request, document)
    except PdfiumError as error:
        raise DocumentError("damaged", f"failed: PdfiumError: {error}") from None


def _pages(request: Message, document: Pages) -> Iterator[Message]:
    engine, pictures = request["engine"], request["pictures"]
    for number in range(request["start"], len(document) + 1):
        read: Message = {}
        try:
            with document.page(number) as page:
                if engine:
                    read = asdict(page.read(number, partial(recogniser, Engine(**engine))))
                if pictures:
                    page.draw(Path(pictures, f"{number}.png"))
        except DocumentError as error:
            if error.kind == "damaged":
                yield from _with_the_others(error, document, number)
            raise
        if len(document) == 1 and is_placeholder(
            read.get("text", ""), is_form=bool(engine) and getattr(document, "is_form", False)
        ):
            raise placeholder_error()
        yield {"number": number, **read}


def _with_the_others(error: DocumentError, document: Pages, number: int) -> Iterator[Message]:
    """Raise a page's error with the numbers of the further pages that are damaged; answer for each that is examined."""
    others = []
    for further in range(number + 1, len(document) + 1):
        yield {"examined": further}
        try:
            with document.page(further) as page:
                page.require_whole_pictures()
        except (DocumentError, PdfiumError):
            others.append(str(further))
    named = f"page {others[0]} is" if len(others) == 1 else f"pages {', '.join(others)} are"
    also = f" ({named} damaged too)" if others else ""
    raise DocumentError("damaged", f"{error.reason}{also}: the file is damaged or cut short: fetch it again") from None


if __name__ == "__main__":
    serve(answer)
