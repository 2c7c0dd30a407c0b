"""Keeps pages' pictures and PDFs below CLERK_PUBLISH_DIR/static, for a web server to hand out."""

from __future__ import annotations

import filecmp
import shutil
from pathlib import Path

from clerk.errors import UsageError
from clerk.fetching.layout import Layout
from clerk.jobs import current_job
from clerk.paths import inside
from clerk.settings import settings

STATIC = "static"


def store(file: Path, storage_path: str) -> None:
    """Keep a copy of `file` at `storage_path`, with or without a leading slash; the same file again is no work.

    Nothing happens without CLERK_PUBLISH_DIR. Raises UsageError if the path leads out of the folder.
    """
    folder = settings().publish_dir
    if folder is None:
        return
    target = _target(folder.absolute() / STATIC, storage_path)
    if target.is_file() and filecmp.cmp(file, target, shallow=False):
        return
    unfinished = Layout(folder.absolute() / STATIC)
    unfinished.sweep()
    temporary = unfinished.temporary()
    try:
        shutil.copyfile(file, temporary)
        current_job().commit_with_job({temporary: target})
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _target(folder: Path, storage_path: str) -> Path:
    # A `..` that stays inside would still lead from one site's files to another's.
    parts = [part for part in storage_path.split("/") if part]
    if not parts or any(part.startswith(".") or "\\" in part or "\0" in part for part in parts):
        raise UsageError(
            f"cannot store a file as {storage_path!r}: give names joined by slashes, none beginning with a dot"
        )
    target = inside(folder, *parts)
    if target.is_dir():
        raise UsageError(f"cannot store a file as {storage_path!r}: that is a folder")
    return target
