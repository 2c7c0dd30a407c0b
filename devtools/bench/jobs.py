"""The jobs of every task system; standard library only, since other environments use it."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from devtools.bench import cpu


def noop() -> None:
    """Do nothing."""


def brief() -> None:
    """Take a millisecond."""
    threading.Event().wait(0.001)


def mark(path: str) -> None:
    """Append a line to a file: the moment before and after, the CPU seconds of all processes, this process's id."""
    before = time.monotonic()
    spent = cpu.spent()
    _append(path, f"{before} {time.monotonic()} {spent} {os.getpid()}")


def nap(path: str, number: int, seconds: float) -> None:
    """Say that the job has begun, wait, and say that it is done."""
    _append(path, f"began {number}")
    threading.Event().wait(seconds)
    _append(path, f"done {number}")


async def nap_async(path: str, number: int, seconds: float) -> None:
    """Do what `nap` does without holding up the event loop."""
    _append(path, f"began {number}")
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), seconds)
    _append(path, f"done {number}")


def lines(path: str) -> list[list[str]]:
    """Return the words of each line that the jobs have written so far."""
    file = Path(path)
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def _append(path: str, line: str) -> None:
    """Append a line in one write, so that lines of several processes do not mix."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, f"{line}\n".encode())
    finally:
        os.close(file)
