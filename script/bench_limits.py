"""Measure what a limit costs: no-op jobs of which one in ten is of another type, with a limit or without one.

Both sides take turns. CPU is of all processes for one job, the lowest of the rounds; the rates are the best.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from devtools.bench.measure import Bench, Rate, rate, say
from devtools.bench.servers import Servers
from devtools.bench.table import Peer, beside_bare_celery

#: The job type of one job in ten.
VARIANTS = {"without a limit": "tenth", "with a limit": "limited"}


def main() -> None:
    """Print a row for each database."""
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    for name in ("BROKER_URL", "REDIS_URL", "DATABASE_URL"):
        os.environ.pop(name, None)
    print("| database | without a limit, jobs/s (CPU ms) | with one on a tenth | CPU, ratio |\n|---|---:|---:|---:|")  # noqa: T201
    for database in options.databases:
        ours, _ = beside_bare_celery("redis", database)
        found: dict[str, list[Rate]] = {name: [] for name in VARIANTS}
        for number in range(options.rounds):
            for name, variant in VARIANTS.items():
                say(f"{database}, round {number + 1}: {name}")
                found[name].append(measure(replace(ours, variant=variant), options))
        plain, limited = (
            Rate(max(each.per_second for each in some), min(each.cpu_ms for each in some)) for some in found.values()
        )
        ratio = limited.cpu_ms / plain.cpu_ms
        print(f"| {database} | {plain} | {limited} | {ratio:.2f} |", flush=True)  # noqa: T201


def measure(peer: Peer, options: argparse.Namespace) -> Rate:
    """Return the rate on empty servers."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clerk-bench-")))
        servers = Servers(stack, folder, fsync=False)
        for name in peer.servers:
            servers.start(name)
        bench = Bench(peer, Path(sys.executable), folder / "measurement", servers)
        stack.callback(bench.stop)
        return rate(bench, options.processes, options.jobs)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="script/bench limits", description=__doc__)
    parser.add_argument("--jobs", type=int, default=4000, help="jobs of each measurement (default 4000)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each side (default 3)")
    parser.add_argument("--processes", type=int, default=2, help="children of the worker (default 2)")
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    return parser.parse_args()


if __name__ == "__main__":
    main()
