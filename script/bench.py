"""Measure the system side by side with bare Celery, on the same broker and in the same run; print rates and ratios.

Beside each rate stands the CPU time of all processes for one job: worker, children, broker, database and, for enqueues,
the program that enqueues. Neighbours on the machine disturb it less than the rates.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from devtools.bench import cpu  # noqa: E402
from devtools.bench.comparison import Comparison  # noqa: E402
from devtools.bench.measure import Bench, Rate, first_job  # noqa: E402
from devtools.bench.report import summary  # noqa: E402
from devtools.bench.table import beside_bare_celery  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

CLERK_TASKS = [sys.executable, "-m", "clerk_tasks"]
ROWS = {
    "enqueue": "lone enqueues",
    "batch": "batch, rows + messages",
    "1": "no-op jobs, -c 1",
    "2": "no-op jobs, -c 2",
}


def main() -> None:
    """Run the bench that the command line asks for."""
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    for name in ("BROKER_URL", "REDIS_URL", "DATABASE_URL"):
        os.environ.pop(name, None)
    ours, bare = options.peers = beside_bare_celery(options.broker, options.database)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clerk-bench-")))
        say(f"broker {options.broker}, database {options.database}, {options.jobs} jobs, {os.cpu_count()} cores")
        say(f"each rate is the best of {options.rounds} rounds, in which both sides take turns; CPU is the lowest")
        comparison = Comparison(stack, folder, options)
        comparison.run()
        found = {peer: summary(comparison.found[peer]) for peer in (ours, bare)}
        missing = [name for key, name in ROWS.items() if not (key in found[ours] and key in found[bare])]
        for key, name in ROWS.items():
            if name not in missing:
                report(name, found[ours][key], found[bare][key], "bare Celery")
        firsts = []
        for _ in range(options.rounds):
            with comparison.bench(ours) as bench:
                firsts.append(first_job(bench))
        say(f"{'first job of a worker':24} {min(firsts):8.2f} s after its command (best of {options.rounds})")
        if options.old_rows:
            with comparison.bench(ours) as bench:
                old_rows(bench, options.old_rows)
    say(f"{'clerk-tasks --help':24} {help_time():8.3f} s (best of 5)")
    if missing:
        sys.exit(f"not measured: {', '.join(missing)}")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("--broker", choices=["redis", "rabbitmq", "embedded"], default="redis")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--jobs", type=int, default=5000, help="no-op jobs for each measurement (default 5000)")
    parser.add_argument("--batch", type=int, default=20000, help="jobs of the batch (default 20000)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side; the best counts (default 3)")
    parser.add_argument("--old-rows", type=int, default=0, help="also measure with so many old jobs in the table")
    parser.add_argument("--fsync", action="store_true", help="run PostgreSQL with fsync")
    parser.set_defaults(measure=("enqueue", "batch", "rates"), watch=0)
    return parser.parse_args()


def old_rows(bench: Bench, count: int) -> None:
    """Measure claim + finish, in this process, with an empty table and with `count` jobs of the past in it."""
    os.environ |= bench.environment
    os.chdir(bench.folder)
    import sqlalchemy as sa

    from clerk.database.engine import engine
    from clerk.database.tables import jobs_table
    from clerk.database.transactions import transaction
    from clerk_tasks.ledger.insert import NewJob, NewStage
    from clerk_tasks.ledger.runs import record_run
    from devtools.bench.peers import clerk_tasks as ours

    ours.prepare()
    before = claim_and_finish(ours.SITE)
    say(f"writing {count} old jobs")
    for start in range(0, count, 50_000):
        number = min(50_000, count - start)
        batch = [NewJob(job_type="noop", subdomain=ours.SITE) for _ in range(number)]
        with transaction() as connection:
            stage = NewStage(name="old", jobs=batch)
            record_run(connection, f"old-{start}", subdomain=ours.SITE, pipeline="old", new_stages=[stage])
            old = sa.update(jobs_table).where(jobs_table.c.state == "available")
            connection.execute(old.values(state="completed"))
    if engine().dialect.name == "postgresql":  # as autovacuum would have done long since
        with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM (ANALYZE)")
    report(f"with {count} old jobs", claim_and_finish(ours.SITE), before, "empty table")


def claim_and_finish(site: str, count: int = 2000) -> Rate:
    """Return how many no-op jobs a second one executor gets through, without a broker."""
    from clerk.database.engine import create_engine
    from clerk.database.held import HeldConnection
    from clerk.jobs import JobRequest
    from clerk.settings import settings
    from clerk_tasks import dispatcher
    from clerk_tasks.worker.children import Child, Children
    from clerk_tasks.worker.executor import Executor

    with broker():
        dispatcher.enqueue_many([JobRequest("noop", site)] * count)
    children = Children()
    engine = create_engine(settings().database_url, durable=False)
    executor = Executor(HeldConnection(engine), Child(children.path, 0), instance="bench", lease=60.0)

    def work() -> None:
        while executor.done < count:
            executor.run_slice("default")

    spent = cpu.spent(own=True)
    per_second = rate(count, work)
    return Rate(per_second, 1000 * (cpu.spent(own=True) - spent) / count)


@contextmanager
def broker() -> Iterator[None]:
    """Hold a broker: the embedded one only runs while it is used."""
    if "BROKER_URL" in os.environ:
        yield
        return
    from clerk_tasks.broker import embedded

    with embedded.attached():
        yield


def rate(count: int, action: Callable[[], object]) -> float:
    """Return how many a second."""
    began = time.perf_counter()
    action()
    return count / (time.perf_counter() - began)


def help_time() -> float:
    """Return the best of five times of `clerk-tasks --help`, in seconds."""
    return 1 / max(rate(1, lambda: subprocess.run([*CLERK_TASKS, "--help"], capture_output=True)) for _ in range(5))


def report(name: str, ours: Rate, base: Rate, what: str) -> None:
    """Print one comparison."""
    ratio = ours.per_second / base.per_second
    say(f"{name:24} {cell(ours)}   {what} {cell(base)}   ratio {ratio:5.2f}")


def cell(measured: Rate) -> str:
    """Return a rate and its CPU time."""
    return f"{measured.per_second:8.0f} /s, {measured.cpu_ms:6.3f} ms CPU"


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
