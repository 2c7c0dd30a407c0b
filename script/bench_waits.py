"""Show what the children of a worker wait for on PostgreSQL, where each job is one statement and one commit.

While a full queue of no-op jobs is worked off, it looks 20 times a second what each child's connection does.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from clerk.database.engine import normalise_url
from devtools.bench.measure import Bench, rate, say
from devtools.bench.servers import Servers
from devtools.bench.table import beside_bare_celery

INTERVAL = 0.05  # seconds
#: The connections that complete a job and claim the next, or have just done so: what they do, and wait for.
LOOK = """
    SELECT state, wait_event_type, wait_event FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND query LIKE 'WITH own AS%'
"""
COLUMNS = ("the child's turn", "statement runs", "flush to the disk", "another's lock", "else")


def main() -> None:
    """Print a row for each number of children."""
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    for name in ("BROKER_URL", "REDIS_URL", "DATABASE_URL"):
        os.environ.pop(name, None)
    print(f"| children | jobs/s (CPU ms) | {' | '.join(COLUMNS)} |\n|---:|---:|{'---:|' * len(COLUMNS)}")  # noqa: T201
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clerk-bench-")))
        servers = Servers(stack, folder, fsync=options.fsync)
        ours, _ = beside_bare_celery("redis", "postgresql")
        for name in ours.servers:
            servers.start(name)
        for children in options.children:
            say(f"{children} children")
            bench = Bench(ours, Path(sys.executable), folder / f"{children}", servers)
            try:
                with looking(bench.environment["DATABASE_URL"]) as found:
                    measured = rate(bench, children, options.jobs)
            finally:
                bench.stop()
            shares = [f"{found[name] / max(found.total(), 1):.0%}" for name in COLUMNS]
            print(f"| {children} | {measured} | {' | '.join(shares)} |", flush=True)  # noqa: T201


@contextmanager
def looking(url: str) -> Iterator[Counter[str]]:
    """Count what the children's connections do, in a thread, for the time of the block."""
    found: Counter[str] = Counter()
    over = threading.Event()
    address = normalise_url(url).set(drivername="postgresql").render_as_string(hide_password=False)

    def look() -> None:
        with psycopg.connect(address, autocommit=True) as connection:
            while not over.wait(INTERVAL):
                found.update(doing(*row) for row in connection.execute(LOOK))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def doing(state: str, kind: str | None, event: str | None) -> str:
    """Return the column that a connection counts in."""
    if state != "active" or kind == "Client":
        return COLUMNS[0]
    if kind is None:
        return COLUMNS[1]
    if "WAL" in str(event):
        return COLUMNS[2]
    return COLUMNS[3] if kind == "Lock" else COLUMNS[4]


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="script/bench waits", description=__doc__)
    parser.add_argument("--jobs", type=int, default=8000, help="jobs of each measurement (default 8000)")
    parser.add_argument("--children", type=int, nargs="+", default=[1, 2, 4], help="default 1 2 4")
    parser.add_argument("--fsync", action="store_true", help="run PostgreSQL with fsync")
    return parser.parse_args()


if __name__ == "__main__":
    main()
