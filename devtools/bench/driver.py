"""Do one thing in a task system's own environment: `python -m devtools.bench.driver SYSTEM ACTION [ARGUMENT…]`.

The last line of the output is the answer, as JSON. The standard library only, besides the system.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from devtools.bench import cpu, jobs

#: How long `ready` waits for all processes, in seconds.
PATIENCE = 30.0
#: Enqueues before the first that counts for latency: they import, and connect.
WARM = 3
#: Pause before each enqueue that measures latency, in seconds: by then the worker is idle.
IDLE = 0.02


def prepare(system: Any, processes: str) -> list[list[str]]:
    """Create what the system needs; return the command lines of a worker."""
    system.prepare()
    return list(system.commands(int(processes)))


def ready(system: Any, path: str, processes: str) -> int:
    """Enqueue jobs until so many processes have each run one; return how many processes have."""
    deadline = time.monotonic() + PATIENCE
    sent = 0
    while len({line[-1] for line in jobs.lines(path)}) < int(processes) and time.monotonic() < deadline:
        burst = 8 * int(processes)
        system.enqueue([("mark", path)] * burst)
        sent += burst
        _wait(partial(_written, path, sent), deadline)
    _wait(partial(_written, path, sent), deadline)
    return len({line[-1] for line in jobs.lines(path)})


def fill(system: Any, path: str, count: str) -> None:
    """Enqueue no-op jobs between two marks."""
    system.enqueue([("mark", path)])
    system.enqueue_many(int(count))
    system.enqueue([("mark", path)])


def lone(system: Any, count: str) -> tuple[float, float]:
    """Enqueue so many no-op jobs one after the other."""
    system.enqueue([("noop",)] * 20)  # connections, imports and caches
    return _rate(int(count), lambda: system.enqueue([("noop",)] * int(count)))


def batch(system: Any, count: str) -> tuple[float, float]:
    """Enqueue so many no-op jobs at once."""
    system.enqueue_many(20)
    return _rate(int(count), lambda: system.enqueue_many(int(count)))


def latency(system: Any, path: str, count: str) -> list[float]:
    """Return the milliseconds from before each enqueue to the start of its job, with a worker that is idle."""
    took = []
    already = len(jobs.lines(path))
    for number in range(already, already + WARM + int(count)):
        threading.Event().wait(IDLE)
        before = time.monotonic()
        system.enqueue([("mark", path)])
        if not _wait(partial(_written, path, number + 1), before + PATIENCE):
            raise SystemExit(f"a job did not start within {PATIENCE:g} s")
        took.append(1000 * (float(jobs.lines(path)[number][0]) - before))
    return took[WARM:]


def naps(system: Any, path: str, count: str, seconds: str) -> None:
    """Enqueue jobs that take a while, each with a number of its own."""
    system.enqueue([("nap", path, number, float(seconds)) for number in range(int(count))])


def _rate(count: int, action: Callable[[], object]) -> tuple[float, float]:
    """Return how many a second, and the CPU seconds of all processes for one."""
    spent, began = cpu.spent(), time.perf_counter()
    action()
    seconds = time.perf_counter() - began
    return count / seconds, (cpu.spent() - spent) / count


def _written(path: str, count: int) -> bool:
    return len(jobs.lines(path)) >= count


def _wait(predicate: Callable[[], bool], deadline: float) -> bool:
    while not (met := predicate()) and time.monotonic() < deadline:
        threading.Event().wait(0.001)
    return met


def main() -> None:
    """Do what the command line says."""
    name, action, *arguments = sys.argv[1:]
    system = importlib.import_module(f"devtools.bench.peers.{name}")
    answer = {f.__name__: f for f in (prepare, ready, fill, lone, batch, latency, naps)}[action](system, *arguments)
    sys.stdout.write(f"\n{json.dumps(answer)}\n")
    sys.stdout.flush()
    os._exit(0)  # without waiting for the threads of clients


if __name__ == "__main__":
    main()
