"""Run the same jobs in this project and in other task systems, on the same servers; print a table.

The systems take turns in each round. A rate is the best of its rounds, its CPU time the lowest; latency is that of all
rounds together. CPU time is that of all processes: worker, children, broker and database.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from devtools.bench import report
from devtools.bench.comparison import MEASUREMENTS, Comparison
from devtools.bench.table import PEERS, Peer


def main() -> None:
    """Compare the systems that the command line asks for."""
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    for name in ("BROKER_URL", "REDIS_URL", "DATABASE_URL"):
        os.environ.pop(name, None)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clerk-bench-")))
        comparison = Comparison(stack, folder, options)
        comparison.run()
        pythons = comparison.pythons()
    if options.json:
        print(report.as_json(comparison.found, pythons, options))  # noqa: T201
        return
    print(report.conditions(pythons, options), report.as_table(comparison.found, options), sep="\n\n")  # noqa: T201


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="script/bench peers", description=__doc__)
    names = ", ".join(peer.name for peer in PEERS)
    parser.add_argument("--peers", type=peers, default=PEERS, metavar="NAMES", help=f"some of: {names}; default: all")
    parser.add_argument(
        "--jobs",
        type=int,
        default=4000,
        help="no-op jobs of a measurement (default 4000); the slow "
        "systems get fewer and the fast ones more, see devtools/bench/table.py",
    )
    parser.add_argument("--batch", type=int, default=10_000, help="jobs of the batch (default 10000)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each system (default 3)")
    parser.add_argument(
        "--measure",
        type=measurements,
        default=MEASUREMENTS,
        metavar="WHAT",
        help=f"some of: {', '.join(MEASUREMENTS)}; default: all",
    )
    parser.add_argument(
        "--watch", type=float, default=75, help="seconds that jobs may take to come back after the kill (default 75)"
    )
    parser.add_argument("--fsync", action="store_true", help="run PostgreSQL with fsync")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    options = parser.parse_args()
    options.load = os.getloadavg()[0]
    return options


def peers(text: str) -> tuple[Peer, ...]:
    """Return the systems of these names, in the order of the names."""
    known = {peer.name: peer for peer in PEERS}
    return tuple(known[name] for name in some_of(text, known))


def measurements(text: str) -> tuple[str, ...]:
    """Return these measurements."""
    return some_of(text, MEASUREMENTS)


def some_of(text: str, known: object) -> tuple[str, ...]:
    """Return comma-separated names, which all must be known."""
    names = tuple(text.split(","))
    if unknown := [name for name in names if name not in known]:  # type: ignore[operator]
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}")
    return names


if __name__ == "__main__":
    main()
