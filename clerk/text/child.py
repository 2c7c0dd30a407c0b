"""The process that touches PDF and OCR libraries: one document at a time, `python -m clerk.text.child FD`.

It answers a request with the number of pages, a message for each page, and one that says how it ended.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from clerk.text.document import DocumentError, Limits
from clerk.text.engines import Engine
from clerk.text.ocr import recogniser
from clerk.text.pages import look_at, opened, page_of, read_page, render, without_idle_colour

Message = dict[str, Any]


def main() -> None:
    """Serve requests until the parent closes its end."""
    connection: Connection[Any, Any] = Connection(int(sys.argv[1]))
    requests: SimpleQueue[Message] = SimpleQueue()
    Thread(target=_listen, args=(connection, requests), daemon=True).start()
    while True:
        for message in answer(requests.get()):
            connection.send_bytes(json.dumps(message).encode())


def _listen(connection: Connection[Any, Any], requests: SimpleQueue[Message]) -> None:
    """Take requests; leave at once, even in the middle of a page, when the parent is gone."""
    with suppress(EOFError, OSError):
        while True:
            requests.put(json.loads(connection.recv_bytes()))
    os._exit(0)


def answer(request: Message) -> Iterator[Message]:
    """Do what is asked: the number of pages, then each page; the last message holds `done` or `error`."""
    limits = Limits(**request["limits"])
    with suppress(ValueError, OSError):  # macOS refuses
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory, resource.getrlimit(resource.RLIMIT_AS)[1]))
    try:
        yield from {"read": _read, "render": _render}[request["do"]](request, limits)
        yield {"done": True}
    except DocumentError as error:
        yield {"error": error.kind, "reason": error.reason}
    except MemoryError:
        yield {"error": "memory", "reason": "needs more memory than the limit"}
    except Exception as error:
        damaged = type(error).__name__ == "PdfiumError"
        yield {"error": "damaged" if damaged else "crash", "reason": f"failed: {type(error).__name__}: {error}"}


def _read(request: Message, limits: Limits) -> Iterator[Message]:
    engine = Engine(**request["engine"])
    with opened(request["pdf"], limits) as document:
        yield {"pages": len(document)}
        for number in range(request["start"], len(document) + 1):
            with page_of(document, number) as page:
                yield asdict(read_page(page, number, recogniser=lambda: recogniser(engine), limits=limits))


def _render(request: Message, limits: Limits) -> Iterator[Message]:
    with opened(request["pdf"], limits) as document:
        yield {"pages": len(document)}
        for number in range(request["start"], len(document) + 1):
            with page_of(document, number) as page:
                picture = without_idle_colour(render(page, look_at(page), limits=limits, grayscale=False).to_pil())
                # Level 3 takes half the time of the default, and scans come out smaller.
                picture.save(Path(request["folder"], f"{number}.png"), compress_level=3)
            yield {"number": number}


if __name__ == "__main__":
    main()
