"""Run `up` with nothing to do, and see what that costs, on SQLite and on PostgreSQL.

CPU: of all processes of `up`, the embedded broker's among them, in percent of one core. On PostgreSQL
all transactions count, on SQLite those that write.
"""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import psycopg  # noqa: E402
import sqlalchemy as sa  # noqa: E402

from clerk.database.engine import create_engine  # noqa: E402
from devtools.bench import cpu  # noqa: E402
from devtools.bench.environments import Unavailable  # noqa: E402
from devtools.bench.servers import Servers  # noqa: E402
from devtools.services import Server  # noqa: E402

#: How often to look whether SQLite's file was written to, in seconds: several commits between two looks count as one.
LOOK = 0.01


def main() -> None:
    """Print one line for each database."""
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    for name in ("BROKER_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    print("| database | % of a core | transactions/s |\n|---|---:|---:|", flush=True)  # noqa: T201
    for measure in (on_sqlite, on_postgresql):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clerk-bench-")))
            os.environ |= {"BENCH_PID": str(os.getpid()), "BENCH_FOLDER": str(folder), "BENCH_IGNORED": ""}
            try:
                measure(stack, folder, options)
            except Unavailable as missing:
                print(f"{measure.__name__}: {missing}", file=sys.stderr)  # noqa: T201


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="script/bench idle", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long to look (default 60)")
    parser.add_argument("--settle", type=float, default=20, help="seconds after the start, before that (default 20)")
    return parser.parse_args()


def on_sqlite(stack: ExitStack, folder: Path, options: argparse.Namespace) -> None:
    """Measure `up` on SQLite."""
    file = folder / "civic.db"
    start(stack, folder, f"sqlite:///{file}", options)
    connection = stack.enter_context(closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)))
    version, changes = 0, 0

    def look() -> None:
        nonlocal version, changes
        (now,) = connection.execute("PRAGMA data_version").fetchone()
        version, changes = now, changes + (now != version)

    look()
    changes = 0
    report("SQLite", options.seconds, lambda: changes, look)


def on_postgresql(stack: ExitStack, folder: Path, options: argparse.Namespace) -> None:
    """Measure `up` on PostgreSQL."""
    server = Servers(stack, folder, fsync=False).start("postgres")
    if isinstance(server, Server):
        os.environ["BENCH_IGNORED"] = str(server.process.pid)
    maintenance = sa.make_url(str(server.url))
    address = maintenance.set(drivername="postgresql").render_as_string()
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE DATABASE idle")
    start(stack, folder, maintenance.set(database="idle").render_as_string(), options)
    query = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'idle'"

    def transactions() -> int:
        with psycopg.connect(address, autocommit=True) as connection:
            row = connection.execute(query).fetchone()
        return int(row[0]) if row else 0

    report("PostgreSQL", options.seconds, transactions, lambda: None)


def start(stack: ExitStack, folder: Path, url: str, options: argparse.Namespace) -> None:
    """Start `up`, with the built-in plugins and beat, and wait until it has settled."""
    (folder / "plugins").mkdir()
    environment = os.environ | {
        "DATABASE_URL": url,
        "CLERK_HOME": str(folder / "home"),
        "STORAGE_DIR": str(folder / "sites"),
        "CLERK_PLUGINS_DIR": str(folder / "plugins"),
        "PYTHONPATH": str(ROOT),
    }
    program = [sys.executable, "-m", "clerk_tasks"]
    subprocess.run([*program, "db", "upgrade"], cwd=folder, env=environment, check=True, capture_output=True)
    log = stack.enter_context((folder / "up.log").open("wb"))
    up = subprocess.Popen([*program, "up"], cwd=folder, env=environment, stdout=log, stderr=log)
    stack.callback(end, up)
    time.sleep(options.settle)
    if up.poll() is not None:
        sys.exit((folder / "up.log").read_text())
    with closing(create_engine(url).connect()) as connection:
        if not connection.execute(sa.text("SELECT count(*) FROM workers")).scalar_one():
            sys.exit(f"no worker has started within {options.settle:g} s:\n{(folder / 'up.log').read_text()}")


def end(up: subprocess.Popen[bytes]) -> None:
    """End `up`, and with it the embedded broker."""
    up.terminate()
    up.wait()
    time.sleep(2)


def report(database: str, seconds: float, transactions: Callable[[], int], look: Callable[[], None]) -> None:
    """Wait, looking, and print what was used meanwhile."""
    used, counted, began = cpu.spent(), transactions(), time.monotonic()
    while time.monotonic() < began + seconds:
        look()
        time.sleep(LOOK)
    took = time.monotonic() - began
    core, rate = 100 * (cpu.spent() - used) / took, (transactions() - counted) / took
    print(f"| {database} | {core:.2f} | {rate:.1f} |", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
