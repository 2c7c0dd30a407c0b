"""Check a file's size before any library opens it."""

from __future__ import annotations

from pathlib import Path

from clerk.child_process import MIB
from clerk.text.document import DocumentError, ReadingLimits


def check_file(file: Path, limits: ReadingLimits) -> None:
    """Raise the DocumentError of a file that is missing, empty or too large."""
    try:
        size = file.stat().st_size
    except FileNotFoundError:
        raise DocumentError("missing", f"is not there: fetch it again ({file.parent})") from None
    if not size:
        raise DocumentError("empty", "has no bytes: fetch it again")
    if size > limits.file_size:
        raise DocumentError("too-large", f"has {size // MIB} MiB, more than the limit of {limits.file_size // MIB}")
