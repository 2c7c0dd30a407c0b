"""Measure what the board costs, on SQLite and PostgreSQL.

Three tables: the CPU of workers and database for one no-op job without and with the page Now open, in pairs (the
board's own is left out); the page Now and others over many old jobs, from request to last byte; and the CPU of the
board with ten tabs open, in percent of one core, while nothing happens and while the ledger changes every 50 ms.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx
import psutil

from clerk.application import application
from clerk.database.engine import engine
from clerk.database.migrate import upgrade
from clerk.database.transactions import transaction
from clerk_tasks.ledger.meta import remember
from devtools.bench.measure import Bench, Rate, rate, say
from devtools.bench.old_rows import YEAR, fill, wait_now
from devtools.bench.servers import Servers
from devtools.bench.table import beside_bare_celery
from devtools.bench.tabs import Tabs
from devtools.processes import Program, Programs
from devtools.services import free_port

#: The pages that are timed, and those of ten tabs.
TIMED = ("/", "/queues", "/failures", "/jobs?state=available", "/workers", "/acts")
TEN = ("/", "/", "/", "/", "/", "/queues", "/jobs", "/failures", "/workers", "/acts")


def main() -> None:
    """Print the tables."""
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    for name in ("BROKER_URL", "REDIS_URL", "DATABASE_URL"):
        os.environ.pop(name, None)
    if options.rounds:
        row("database", "without, jobs/s (CPU ms)", "with the board", "CPU, ratio of each pair", "median")
        row(*["---"] * 5)
        for database in options.databases:
            pairs(database, options)
    if options.rows:
        row("database", "what", "best", "middle")
        row(*["---"] * 4)
        for database in options.databases:
            over_old_rows(database, options)


def pairs(database: str, options: argparse.Namespace) -> None:
    """Print the CPU per job without and with the board."""
    found: dict[bool, list[Rate]] = {False: [], True: []}
    for number in range(options.rounds):
        for opened in (False, True) if number % 2 else (True, False):
            say(f"{database}, round {number + 1}: {'with' if opened else 'without'} the board")
            found[opened].append(measure(database, options, opened=opened))
    plain, watched = (
        Rate(max(each.per_second for each in some), min(each.cpu_ms for each in some)) for some in found.values()
    )
    ratios = [b.cpu_ms / a.cpu_ms for a, b in zip(found[False], found[True], strict=True)]
    row(database, plain, watched, " ".join(f"{each:.3f}" for each in ratios), f"{statistics.median(ratios):.3f}")


def measure(database: str, options: argparse.Namespace, *, opened: bool) -> Rate:
    """Return the rate on empty servers, with a tab of the board open or without the board."""
    peer, _ = beside_bare_celery("redis", database)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clerk-bench-")))
        servers = Servers(stack, folder, fsync=False)
        for name in peer.servers:
            servers.start(name)
        bench = Bench(peer, Path(sys.executable), folder / "measurement", servers)
        stack.callback(bench.stop)

        def look() -> None:
            program, url = stack.enter_context(board(folder, bench.environment, bench.folder))
            bench.environment["BENCH_IGNORED"] += f" {program.pid}"
            stack.callback(Tabs(url, ["/"]).close)

        return rate(bench, options.processes, options.jobs, before=look if opened else lambda: None)


@contextmanager
def board(logs: Path, environment: dict[str, str], folder: Path) -> Iterator[tuple[Program, str]]:
    """Run the board for the length of a with block; give its program and its address."""
    programs, address = Programs(logs), f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "clerk_tasks", "board", "--listen", address]
    program = programs.run(*command, env=environment, cwd=folder)
    try:
        program.wait_for_log("The board is at", deadline=60)
        yield program, f"http://{address}"
    finally:
        programs.stop()


def over_old_rows(database: str, options: argparse.Namespace) -> None:
    """Print how long pages take over many old jobs, and what ten tabs cost."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clerk-bench-")))
        (folder / "plugins").mkdir()
        if database == "sqlite":
            url = f"sqlite:///{folder / 'civic.db'}"
        else:
            url = Servers(stack, folder, fsync=False).empty(("postgres",))["POSTGRES_URL"]
        os.environ |= {"CLERK_HOME": str(folder / "home"), "CLERK_PLUGINS_DIR": str(folder / "plugins")}
        os.environ |= {"DATABASE_URL": url, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
        stack.callback(application.close)
        upgrade(url)
        with engine().begin() as connection:
            fill(connection, options.rows, sites=options.sites, over=YEAR)
            wait_now(connection, options.waiting)
        if database == "postgresql":
            with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("SELECT setval('stages_id_seq', (SELECT max(id) FROM stages))")
                connection.exec_driver_sql("VACUUM (ANALYZE)")  # as autovacuum has by then
        program, address = stack.enter_context(board(folder, dict(os.environ), folder))
        client = stack.enter_context(httpx.Client(base_url=address, timeout=60))
        for page in TIMED:
            times = [timed(lambda page=page: client.get(page).raise_for_status()) for _ in range(options.requests)]
            row(database, f"`{page}`", f"{min(times):.1f} ms", f"{statistics.median(times):.1f} ms")
        tabs = Tabs(address, TEN)
        stack.callback(tabs.close)
        time.sleep(5)
        row(database, "ten tabs, nothing happens", "", f"{share(program, options.seconds):.1f} %")
        with changing():
            before = tabs.received
            used = share(program, options.seconds)
            row(
                database,
                "ten tabs, the ledger changes every 50 ms",
                f"{tabs.received - before} updates",
                f"{used:.1f} %",
            )


@contextmanager
def changing() -> Iterator[None]:
    """Change the ledger every 50 ms for the length of a with block."""
    over = threading.Event()

    def record() -> None:
        while not over.wait(0.05):
            with transaction() as connection:
                remember(connection, "bench", str(time.time()))

    thread = threading.Thread(target=record)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def share(program: Program, seconds: float) -> float:
    """Return the CPU that a program uses in so many seconds, in percent of one core."""
    process = psutil.Process(program.pid)
    before = process.cpu_times()
    time.sleep(seconds)
    after = process.cpu_times()
    return 100 * (after.user + after.system - before.user - before.system) / seconds


def timed(action: Callable[[], object]) -> float:
    """Return how long it takes, in milliseconds."""
    began = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - began)


def row(*cells: object) -> None:
    """Print one row."""
    print(f"| {' | '.join(map(str, cells))} |", flush=True)  # noqa: T201


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="script/bench board", description=__doc__)
    parser.add_argument("--jobs", type=int, default=4000, help="jobs of each measurement (default 4000)")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of measurements; 0: none (default 5)")
    parser.add_argument("--processes", type=int, default=2, help="children of the worker (default 2)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="old jobs in the table; 0: none (default 1000000)")
    parser.add_argument("--waiting", type=int, default=10_000, help="jobs that wait (default 10000)")
    parser.add_argument("--sites", type=int, default=30, help="sites whose jobs these are (default 30)")
    parser.add_argument("--requests", type=int, default=15, help="how often each page is asked for (default 15)")
    parser.add_argument("--seconds", type=float, default=20, help="how long the tabs are watched (default 20)")
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    return parser.parse_args()


if __name__ == "__main__":
    main()
