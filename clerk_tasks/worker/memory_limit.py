"""Limit what one job may take of the machine's memory: a bomb gets MemoryError, and its neighbours live."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

MIB = 1 << 20


@contextmanager
def limited(mebibytes: int) -> Iterator[None]:
    """Limit the writable memory of this process, and of each that it starts meanwhile; 0: no limit.

    The limit ends with the block, so that there is memory left to record how a bomb ended. Only Linux holds to it.
    """
    if not mebibytes:
        yield
        return
    # Not RLIMIT_AS: libraries reserve much more address space than they ever use.
    before = _of_process()
    resource.setrlimit(resource.RLIMIT_DATA, (_lower(mebibytes * MIB, before[1]), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


@cache
def _of_process() -> tuple[int, int]:
    """Return the limit between two jobs; to ask for it each time would take a third of the time of this module."""
    return resource.getrlimit(resource.RLIMIT_DATA)


def _lower(limit: int, hard: int) -> int:
    return limit if hard == resource.RLIM_INFINITY else min(limit, hard)
