"""Scrape the metrics and ask for the status over many old jobs, on SQLite and on PostgreSQL; print how long each takes.

The jobs ended over the last year, one in a hundred after a retry; five hundred more end just before the scrapes, and a
thousand wait. Times are of the best and of the middle one of several, in milliseconds, without the start of a process.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import sqlalchemy as sa  # noqa: E402

from clerk.application import application  # noqa: E402
from clerk.database.engine import engine  # noqa: E402
from clerk.database.migrate import upgrade  # noqa: E402
from clerk_tasks.cli.main import main as clerk_tasks  # noqa: E402
from clerk_tasks.metrics import exposition, prepare  # noqa: E402
from clerk_tasks.schedules.maintenance import fold_totals  # noqa: E402
from devtools.bench.environments import Unavailable  # noqa: E402
from devtools.bench.old_rows import YEAR, end_now, fill, wait_now  # noqa: E402
from devtools.bench.servers import Servers  # noqa: E402

RECENT, WAITING = 500, 1000


def main() -> None:
    """Print one row for each database and question."""
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    for name in ("BROKER_URL", "REDIS_URL", "DATABASE_URL"):
        os.environ.pop(name, None)
    say(f"{options.rows} old jobs, {options.sites} sites, {os.cpu_count()} cores")
    say("| database | question | best, ms | middle, ms |\n|---|---|---:|---:|")
    for database in options.databases:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clerk-bench-")))
            (folder / "plugins").mkdir()
            os.environ |= {"CLERK_HOME": str(folder / "home"), "CLERK_PLUGINS_DIR": str(folder / "plugins")}
            stack.callback(application.close)
            try:
                os.environ["DATABASE_URL"] = address(database, stack, folder)
            except Unavailable as missing:
                print(f"{database}: {missing}", file=sys.stderr)  # noqa: T201
                continue
            measure(database, options)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="script/bench metrics", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="old jobs in the table (default 1000000)")
    parser.add_argument("--sites", type=int, default=30, help="sites whose jobs these are (default 30)")
    parser.add_argument("--rounds", type=int, default=15, help="how often each question is asked (default 15)")
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    return parser.parse_args()


def address(database: str, stack: ExitStack, folder: Path) -> str:
    """Return the address of an empty database."""
    if database == "sqlite":
        return f"sqlite:///{folder / 'civic.db'}"
    return Servers(stack, folder, fsync=False).empty(("postgres",))["POSTGRES_URL"]


def measure(database: str, options: argparse.Namespace) -> None:
    """Fill a database, then ask."""
    upgrade(os.environ["DATABASE_URL"])
    with engine().begin() as connection:
        fill(connection, options.rows, sites=options.sites, over=YEAR)
        wait_now(connection, WAITING)
    report(database, "first fold of all old jobs", [timed(fold_totals)])
    with engine().begin() as connection:
        end_now(connection, RECENT)
    prepare()
    report(database, "scrape", [timed(exposition) for _ in range(options.rounds)])
    for command in (("status",), ("health",), ("jobs", "list"), ("failures",)):
        report(database, " ".join(command), [timed(lambda words=command: ask(words)) for _ in range(options.rounds)])
    with engine().connect() as connection:
        found = connection.execute(sa.text("SELECT sum(number) FROM totals WHERE metric = 'jobs'")).scalar()
    say(f"<!-- {database}: {found} ends in the totals -->")


def ask(words: tuple[str, ...]) -> None:
    """Run a command in this process, and print nothing."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        clerk_tasks([*words, "--json"])


def timed(action: Callable[[], object]) -> float:
    """Return how long it takes, in milliseconds."""
    began = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - began)


def report(database: str, question: str, times: list[float]) -> None:
    """Print one row."""
    say(f"| {database} | {question} | {min(times):.1f} | {statistics.median(times):.1f} |")


def say(text: str) -> None:
    """Print a line."""
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
