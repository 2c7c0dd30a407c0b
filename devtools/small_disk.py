"""A disk that a test may fill: a small file system of its own, where this machine lets us mount one."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class SmallDisk:
    """A mounted file system of a few megabytes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._ballast = root / ".ballast"

    def fill(self, *, leave: int = 0) -> None:
        """Use up the disk, but for `leave` bytes."""
        with self._ballast.open("ab", buffering=0) as ballast:
            for size in (65536, 1):
                _write_until_full(ballast.fileno(), size)
            if leave:
                ballast.truncate(max(0, ballast.tell() - leave))

    def free(self) -> None:
        """Undo `fill`."""
        self._ballast.unlink()


def _write_until_full(descriptor: int, size: int) -> None:
    try:
        while True:
            os.write(descriptor, b"\0" * size)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


@contextmanager
def mounted(root: Path, *, megabytes: int) -> Iterator[SmallDisk]:
    """Mount an empty disk for the length of a with block; skip the test where that is not permitted."""
    root.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(root)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, timeout=30, check=False)
    except FileNotFoundError:
        pytest.skip("there is no `mount` here")
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield SmallDisk(root)
    finally:
        subprocess.run(["umount", "--lazy", str(root)], timeout=30, check=True)
