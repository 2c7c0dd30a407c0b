"""Put many small files in place by `commit_files`, and as one folder by `commit_folder`, beside bare renames.

Each in a job of a ledger on SQLite, and on PostgreSQL where it is installed. The best of the rounds, in seconds.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import psycopg  # noqa: E402
import sqlalchemy as sa  # noqa: E402

from clerk.database.engine import create_engine  # noqa: E402
from clerk.database.held import HeldConnection  # noqa: E402
from clerk.database.migrate import upgrade  # noqa: E402
from clerk.fsync import flush  # noqa: E402
from clerk.jobs import JobContext  # noqa: E402
from clerk.settings import settings  # noqa: E402
from clerk_tasks.ledger.claims import Claim  # noqa: E402
from clerk_tasks.ledger.insert import NewJob, NewStage  # noqa: E402
from clerk_tasks.ledger.runs import record_run  # noqa: E402
from clerk_tasks.worker.running_job import RunningJob  # noqa: E402
from devtools import claiming  # noqa: E402
from devtools.bench.environments import Unavailable  # noqa: E402
from devtools.bench.servers import Servers  # noqa: E402

Way = Callable[[JobContext, Path, Path], None]


def bare(_job: JobContext, temporary: Path, final: Path) -> None:
    """Flush and rename every file, and ask nothing."""
    flush(*temporary.iterdir())
    final.mkdir(exist_ok=True)
    for file in temporary.iterdir():
        file.replace(final / file.name)
    flush(final)


def commit_files(job: JobContext, temporary: Path, final: Path) -> None:
    """Put every file in place by itself."""
    job.commit_files({file: final / file.name for file in temporary.iterdir()})


def commit_folder(job: JobContext, temporary: Path, final: Path) -> None:
    """Put the folder in place as a whole."""
    job.commit_folder(temporary, final)


def main() -> None:
    """Print a line for each database."""
    options = parse()
    ways: tuple[Way, ...] = (bare, commit_files, commit_folder)
    print(f"| {options.files} files | {' | '.join(way.__name__ for way in ways)} |\n|---|{'---:|' * len(ways)}")  # noqa: T201
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clerk-bench-")))
        addresses = {"SQLite": f"sqlite:///{folder / 'civic.db'}"}
        try:
            addresses["PostgreSQL"] = sa.make_url(postgresql(Servers(stack, folder, fsync=False))).render_as_string()
        except Unavailable as missing:
            print(missing, file=sys.stderr)  # noqa: T201
        for name, url in addresses.items():
            os.environ["DATABASE_URL"] = url
            settings.discard()
            upgrade()
            best = [min(seconds(way, url, folder, options) for _ in range(options.rounds)) for way in ways]
            print(f"| {name} | {' | '.join(f'{took:.2f} s' for took in best)} |", flush=True)  # noqa: T201


def postgresql(servers: Servers) -> str:
    """Start PostgreSQL, and return the address of an empty database."""
    maintenance = sa.make_url(str(servers.start("postgres").url))
    address = maintenance.set(drivername="postgresql").render_as_string()
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE DATABASE files")
    return maintenance.set(database="files").render_as_string()


def seconds(way: Way, url: str, folder: Path, options: argparse.Namespace) -> float:
    """Return how long one way takes; what it replaces is there already, as on any day but the first."""
    temporary, final = folder / "temporary", folder / "final"
    for place in (temporary, final):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        for number in range(options.files):
            (place / f"{number}.txt").write_text("page\n" * 40)
    os.sync()
    with closing(HeldConnection(create_engine(url, durable=False))) as held:
        job = RunningJob(claimed(held), held)
        began = time.perf_counter()
        way(job, temporary, final)
        return time.perf_counter() - began


def claimed(held: HeldConnection) -> Claim:
    """Record a job and claim it."""
    job = NewJob(job_type="t", subdomain="a.ca", queue="q")
    with held.engine.begin() as connection:
        stages = [NewStage(name="s", jobs=[job])]
        recorded = record_run(connection, str(uuid.uuid4()), subdomain="a.ca", pipeline="p", new_stages=stages)
        claim = claiming.claim(connection, recorded.job_ids[0], instance="w", pid=1, lease=60.0)
    if claim is None:
        sys.exit("another process has claimed the job of this bench")
    return claim


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="script/bench files", description=__doc__)
    parser.add_argument("--files", type=int, default=10_000, help="how many (default 10000)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the best counts (default 3)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
