"""Restore the process after each job, and end copies of it that a job has forked."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def restored() -> Iterator[None]:
    """Put back the working directory, the environment and the standard streams when the block ends."""
    folder, streams = os.getcwd(), (sys.stdin, sys.stdout, sys.stderr)  # noqa: PTH109
    environment = _environment().copy()
    try:
        yield
    finally:
        os.chdir(folder)
        if _environment() != environment:
            os.environb.clear()
            os.environb.update(environment)
        sys.stdin, sys.stdout, sys.stderr = streams
        for name in ("stdout", "stderr"):
            if getattr(sys, name).closed:
                setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123 - for as long as the process lives


def _environment() -> dict[bytes, bytes]:
    """Return the environment's own bytes: to decode all of it twice takes longer than the rest of a short job."""
    return os.environ._data  # type: ignore[attr-defined, no-any-return]


@contextmanager
def forked_copies_exit() -> Iterator[None]:
    """End a copy of this process, which a job forked, where the block ends: it must not go on as a worker's child."""
    ours, status = os.getpid(), 1
    try:
        yield
        status = 0
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else int(left.code is not None)
        raise
    finally:
        if os.getpid() != ours:
            os._exit(status)
