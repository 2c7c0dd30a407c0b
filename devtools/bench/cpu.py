"""CPU time of the bench's processes, from /proc; standard library only, since other environments use it.

Environment variables say whose time counts. BENCH_PID is the bench itself: all its descendants count, except the
process ids in BENCH_IGNORED and their descendants. A process whose command line contains BENCH_FOLDER counts too: that
is how the detached processes of the embedded broker are found.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICK = 1 / os.sysconf("SC_CLK_TCK")  # seconds


@dataclass(frozen=True)
class Process:
    """One line of /proc: CPU times in ticks, `reaped` that of the children that have ended."""

    pid: int
    parent: int
    used: int
    reaped: int


def spent(*, own: bool = False) -> float:
    """Return the CPU seconds that the bench's processes have used so far; nan without /proc.

    With `own`, add what the bench's process itself has used.
    """
    if not PROC.is_dir():
        return float("nan")
    root = int(os.environ["BENCH_PID"])
    processes = {process.pid: process for process in _processes()}
    bench = processes.pop(root)
    ignored = {int(pid) for pid in os.environ.get("BENCH_IGNORED", "").split()}
    counted = {root, *_detached(processes, os.environ.get("BENCH_FOLDER"))}
    ticks = bench.reaped + (bench.used if own else 0)
    for process in processes.values():
        if counted & (line := set(_ancestry(process, processes))) and not ignored & line:
            ticks += process.used + process.reaped
    return ticks * TICK


def _processes() -> Iterator[Process]:
    for folder in PROC.iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):  # it has ended
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                used, reaped = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
                yield Process(int(folder.name), int(fields[1]), used, reaped)


def _ancestry(process: Process, processes: dict[int, Process]) -> Iterator[int]:
    """Yield the ids of a process, its parent, and so on, up to and with the first that is not in `processes`."""
    pid = process.pid
    while pid in processes:
        yield pid
        pid = processes[pid].parent
    yield pid


def _detached(processes: dict[int, Process], folder: str | None) -> Iterator[int]:
    for pid in processes if folder else ():
        with suppress(OSError):
            if str(folder).encode() in (PROC / str(pid) / "cmdline").read_bytes():
                yield pid
