"""Files and folders that only this user may read: no other user can lock, read or replace them."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import IO


def make_private_folder(folder: Path) -> None:
    """Create a folder for this user only, with its parents; close an existing one to others.

    Raises PermissionError for a folder of another user, or a symbolic link that another user made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for status in (folder.lstat(), folder.stat()):
        _require_ours(folder, status)
    folder.chmod(0o700)


def open_private(path: Path, mode: str = "a") -> IO[str]:
    """Open a file of this user's, created if it is not there, that others can neither read nor write.

    Raises PermissionError for a file of another user, OSError for a symbolic link.
    """
    file = open(path, mode, opener=_open, encoding="utf-8")  # noqa: SIM115 - the caller closes it
    try:
        _require_ours(path, os.fstat(file.fileno()))
        os.fchmod(file.fileno(), 0o600)
    except BaseException:
        file.close()
        raise
    return file


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _require_ours(path: Path, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, f"{path} belongs to another user")
