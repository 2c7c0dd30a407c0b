"""Files: their content, that it is on the disk, how a folder is put in place, and what killed processes left."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import shutil
import stat
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from clerk.application import part

#: How the names of threads begin that we keep from one job to the next; a job leaves none of its own behind.
OWN_THREADS = "clerk-"

#: After how many seconds without a change an unfinished file is what a killed process left.
ABANDONED = 3600.0

#: Of Linux: paths are relative to the working directory; two names change places.
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
#: What renameat2 says where the kernel or the file system cannot do it.
_CANNOT = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def flush(*paths: Path) -> None:
    """Fsync files and directories, several at the same time: a file system writes its journal once for all of them."""
    if not paths:
        return
    others = _threads_of()(os.getpid()).map(_flush, paths[1:]) if len(paths) > 1 else ()
    _flush(paths[0])
    list(others)


@part
def _threads_of() -> Callable[[int], ThreadPoolExecutor]:
    return lru_cache(maxsize=1)(
        lambda _pid: ThreadPoolExecutor(8, f"{OWN_THREADS}fsync")
    )  # a forked copy has none of our threads


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_tree(folder: Path) -> None:
    """Fsync every file and directory of a folder, and the folder itself."""
    flush(*(path for path in folder.rglob("*") if not path.is_symlink()), folder)


def switch_folder(made: Path, folder: Path) -> None:
    """Put a finished folder in the place of another, which goes; readers see the one or the other, whole.

    Both are on one file system. Where the kernel cannot exchange two names (not Linux, some network file systems) there
    is a moment without the folder. The caller fsyncs `made` before, and the parent directory after.
    """
    if not folder.exists():
        made.rename(folder)
        return
    if not _exchange(made, folder):
        aside = folder.with_name(f".{folder.name}~replaced")
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
        made.rename(folder)
        made = aside
    shutil.rmtree(made, ignore_errors=True)


def remove_abandoned(folder: Path, pattern: str, *, age: float) -> None:
    """Remove the files and folders of a folder that match and that were not changed for `age` seconds.

    Those are what killed processes left, if a living process changes its own more often.
    """
    for path in folder.glob(pattern):
        with suppress(FileNotFoundError):
            status = path.lstat()
            if status.st_mtime >= time.time() - age:
                continue
            if stat.S_ISDIR(status.st_mode):
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names at once; return False where that cannot be done."""
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    if (problem := ctypes.get_errno()) in _CANNOT:
        return False
    raise OSError(problem, os.strerror(problem), str(other))
