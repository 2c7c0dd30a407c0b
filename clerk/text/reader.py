"""Read documents in a child process that serves many, one at a time, and is replaced when one of them breaks it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from threading import RLock
from typing import Any

from clerk.application import part
from clerk.child_process import MIB, ChildError, ChildProcess, Message
from clerk.fsync import hash_file, switch_folder
from clerk.text.document import DocumentError, DocumentText, Page, ReadingLimits
from clerk.text.engines import choose_engine
from clerk.text.hyphens import rejoined_across
from clerk.text.intake import check_file
from clerk.text.tree import making

log = logging.getLogger(__name__)

#: Documents after which a child is replaced, in case its libraries leak: to start one takes as long as to read ten.
SERVES = 1000

#: Have glibc keep the memory of bitmaps for the next page: new memory costs a page fault for each 4 KiB.
_ENVIRONMENT = {
    "OMP_THREAD_LIMIT": "1",
    "MALLOC_MMAP_THRESHOLD_": str(32 * MIB),
    "MALLOC_TRIM_THRESHOLD_": str(64 * MIB),
}

_BREAKS_THE_CHILD = frozenset({"timeout", "memory", "crash", "failed"})
_MAY_BE_OLD_AGE = _BREAKS_THE_CHILD - {"timeout"}


class Reader:
    """Reads documents in turn; `close()` it, or use it in a with block."""

    def __init__(self) -> None:
        self._child: ChildProcess | None = None
        self._lock = RLock()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child, if there is one."""
        child, self._child = self._child, None
        if child:
            child.close()

    def read(
        self,
        pdf: Path,
        *,
        engine: str = "",
        languages: str = "eng",
        pictures: Path | None = None,
        limits: ReadingLimits | None = None,
        on_page: Callable[[Page], object] = lambda _: None,
    ) -> DocumentText:
        """Return every page's text, or raise the DocumentError that says why not and holds the pages before.

        Each page is also drawn to `pictures`/{n}.png, at 150 dpi, if that folder is given. `on_page` sees each page as
        it is read; what it raises ends the reading.
        """
        pages: list[Page] = []

        def keep(message: Message) -> None:
            pages.append(Page(**message))
            on_page(pages[-1])

        drawn = str(pictures.absolute()) if pictures else None
        request = {"engine": asdict(choose_engine(engine, languages)), "pictures": drawn}
        try:
            sha256 = self._do(request, pdf, limits or ReadingLimits(), each=keep)
        except DocumentError as error:
            error.pages = tuple(pages)
            raise
        for first, second in pairwise(range(len(pages))):
            texts = rejoined_across(pages[first].text, pages[second].text)
            pages[first], pages[second] = map(_with_text, (pages[first], pages[second]), texts)
        return DocumentText(sha256, tuple(pages))

    def render(self, pdf: Path, folder: Path, *, limits: ReadingLimits | None = None) -> list[Path]:
        """Draw each page to `folder`/{n}.png at 150 dpi; the folder appears whole, in place of an older one.

        No page of a document that is not a PDF is drawn.
        """
        numbers: list[int] = []
        with making(folder) as made:
            request = {"engine": None, "pictures": str(made.absolute())}
            self._do(request, pdf, limits or ReadingLimits(), each=lambda page: numbers.append(page["number"]))
            drawn = [name for number in numbers if (made / (name := f"{number}.png")).exists()]
            switch_folder(made, folder)
        return [folder / name for name in drawn]

    def _do(self, request: Message, pdf: Path, limits: ReadingLimits, *, each: Callable[[Message], None]) -> str:
        """Carry out a request; return the sha256 of the file that was read."""
        try:
            check_file(pdf, limits)
            sha256 = hash_file(pdf)
            with self._lock, closing(self._answers({**request, "pdf": str(pdf.absolute())}, limits)) as answers:
                for message in answers:
                    each(message)
        except DocumentError as error:
            error.name = f"{pdf.parent.name}/{pdf.name}"
            raise
        return sha256

    def _answers(self, request: Message, limits: ReadingLimits) -> Generator[Message, None, None]:
        """Yield a message for each page; where a child breaks that had served others, go on in a new one."""
        done = 0
        while True:
            child = self._willing_child()
            opened = False
            try:
                for message in child.ask({**request, "start": done + 1}, limits):
                    if "number" in message:
                        done = message["number"]
                        yield message
                    if left_out := message.get("left_out"):
                        log.warning("%s: not read in this document: %s", request["pdf"], ", ".join(left_out))
                    opened = True
                return
            except ChildError as error:
                if error.kind in _BREAKS_THE_CHILD:
                    self.close()
                if error.kind not in _MAY_BE_OLD_AGE or child.served == 1:
                    raise DocumentError(error.kind, error.reason, done + 1 if opened else None) from None
            except BaseException:
                self.close()  # it is still busy with this document
                raise

    def _willing_child(self) -> ChildProcess:
        if self._child and self._child.served >= SERVES:
            self.close()
        self._child = self._child or ChildProcess("-m", "clerk.text.child", **_ENVIRONMENT)
        return self._child


def _with_text(page: Page, text: str) -> Page:
    return page if page.text == text else replace(page, text=text)


@part(close=Reader.close)
def shared_reader() -> Reader:
    """Return this process' reader; its child ends with the process."""
    return Reader()


def read_document(pdf: Path, **options: Any) -> DocumentText:
    """Read a document with this process' reader: `Reader.read`."""
    return shared_reader().read(pdf, **options)


def render_pages(pdf: Path, folder: Path, *, limits: ReadingLimits | None = None) -> list[Path]:
    """Draw a document's pages with this process' reader: `Reader.render`."""
    return shared_reader().render(pdf, folder, limits=limits)
