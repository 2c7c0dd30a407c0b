"""Where test servers keep their data: in memory if there is plenty, which makes a database in a tenth of the time."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

MEMORY = Path("/dev/shm")  # Linux's; a container's is often too small
ENOUGH = 2 * 1024**3  # bytes
PREFIX = "clerk-tests-"


@contextmanager
def server_folder(otherwise: Path) -> Iterator[Path]:
    """Give a folder in memory, gone at the end of the block, or `otherwise` where there is no such thing."""
    if not (os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH):
        yield otherwise
        return
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=MEMORY))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep() -> None:
    """Remove what killed test runs have left."""
    for folder in MEMORY.glob(f"{PREFIX}*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)
