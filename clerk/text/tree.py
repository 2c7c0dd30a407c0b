"""Where a document's text lies: {folder}/{n}.txt, with a record of the PDF that it was read from."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from tempfile import mkdtemp

from clerk.fsync import flush, hash_file, switch_folder
from clerk.text.document import DocumentText

#: Beside the pages; readers of the tree look at *.txt only.
RECORD = ".document.json"

Fence = Callable[[], AbstractContextManager[None]]


def write_pages(document: DocumentText, folder: Path, *, fence: Fence = nullcontext) -> None:
    """Put a document's pages in place as a whole, {folder}/1.txt and on; an empty page is an empty file.

    Extractions cached for the same pages are kept: each knows the text that it is of. `fence` surrounds the last
    step, as `JobContext.fence` does.
    """
    with making(folder) as made:
        write_files(document, made, folder)
        flush(*made.glob("*.txt"))
        with fence():
            switch_folder(made, folder)
        flush(folder.parent)


def write_files(document: DocumentText, made: Path, folder: Path) -> None:
    """Write a document's pages to `made`, which is to replace `folder`, for the caller to fsync.

    Not the record: if it is damaged, a PDF that is still there is read again.
    """
    for page in document.pages:
        _write(made / f"{page.number}.txt", page.text)
    for cache in folder.glob("*.txt.extracted.json"):
        shutil.copy2(cache, made)
    ways = {how: sum(page.how == how for page in document.pages) for how in ("layer", "ocr", "empty")}
    _write(made / RECORD, json.dumps({"sha256": document.sha256, "pages": len(document.pages), **ways}))


def is_unchanged(pdf: Path, folder: Path) -> bool:
    """Return whether the folder holds all the text of exactly this PDF."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        pages = range(1, record["pages"] + 1)
        return all((folder / f"{n}.txt").is_file() for n in pages) and record["sha256"] == hash_file(pdf)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False


@contextmanager
def making(folder: Path) -> Iterator[Path]:
    """Give a hidden folder beside `folder` to work in; what is left over goes, and what killed processes left."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{folder.name}~"
    with os.scandir(folder.parent) as entries:
        for left in [entry.path for entry in entries if entry.name.startswith(prefix)]:
            shutil.rmtree(left, ignore_errors=True)
    made = Path(mkdtemp(dir=folder.parent, prefix=prefix))
    made.chmod(0o755)  # mkdtemp's are for the owner only
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="replace", newline="\n")
