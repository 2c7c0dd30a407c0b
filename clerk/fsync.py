"""Files: what their content is, and that it is on the disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

from clerk.application import part


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def flush(*paths: Path) -> None:
    """Fsync files and directories, several at the same time: a file system writes its journal once for all of them."""
    if len(paths) == 1:
        _flush(paths[0])
    elif paths:
        list(_threads_of()(os.getpid()).map(_flush, paths))


@part
def _threads_of() -> Callable[[int], ThreadPoolExecutor]:
    return lru_cache(maxsize=1)(lambda _pid: ThreadPoolExecutor(8, "fsync"))  # a forked copy has none of our threads


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
