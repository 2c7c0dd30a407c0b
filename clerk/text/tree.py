"""Where a document's text lies: {folder}/{n}.txt, with a record of the PDF that it was read from."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp

from clerk.fsync import flush, hash_file, switch_folder
from clerk.text.document import DocumentText

#: Beside the pages; readers of the tree look at *.txt only.
RECORD = ".document.json"

Fence = Callable[[], AbstractContextManager[None]]


def write_pages(document: DocumentText, folder: Path, file: Path | None = None, *, fence: Fence = nullcontext) -> None:
    """Put a document's pages in place as a whole, {folder}/1.txt and on; an empty page is an empty file.

    `file` is the one that was read, for the record of it.
    Extractions cached for the same pages are kept: each knows the text that it is of. `fence` surrounds the last
    step, as `JobContext.fence` does.
    """
    with making(folder) as made:
        write_files(document, made, folder, file)
        flush(*made.glob("*.txt"))
        with fence():
            switch_folder(made, folder)
        flush(folder.parent)


def write_files(document: DocumentText, made: Path, folder: Path, file: Path | None = None) -> None:
    """Write a document's pages to `made`, which is to replace `folder`, for the caller to fsync.

    The record says of the `file` that was read what kind it was, and when it was written: downloaded, that is.
    Do not fsync the record: if it is damaged, a PDF that is still there is read again.
    """
    for page in document.pages:
        _write(made / f"{page.number}.txt", page.text)
    for cache in folder.glob("*.txt.extracted.json"):
        shutil.copy2(cache, made)
    ways = {how: sum(page.how == how for page in document.pages) for how in ("layer", "ocr", "empty")}
    known = {"sha256": document.sha256, "pages": len(document.pages), **ways}
    _write(made / RECORD, json.dumps(known | _facts(file)))


def _facts(file: Path | None) -> dict[str, str]:
    """Return the suffix of a file, and when it was last written, in UTC; {} if it is gone."""
    try:
        written = datetime.fromtimestamp(file.stat().st_mtime, UTC) if file else None
    except FileNotFoundError:
        written = None
    return {"suffix": file.suffix, "fetched_at": written.isoformat(timespec="seconds")} if file and written else {}


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
