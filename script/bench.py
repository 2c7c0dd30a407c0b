"""Measure the system side by side with bare Celery, on the same broker and in the same run; print rates and ratios."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLERK_TASKS = [sys.executable, "-m", "clerk_tasks"]

PLUGIN = """
import time
from pathlib import Path
from clerk import JobType, hookimpl

def noop(subdomain, run_id):
    pass

def mark(subdomain, run_id, path: str):
    Path(path).write_text(repr(time.monotonic()))

class BenchPlugin:
    @hookimpl
    def register_job_types(self):
        return {"noop": noop, "mark": mark}
"""

BARE = """
import os, time
from pathlib import Path
from celery import Celery

app = Celery("bare", broker=os.environ["BROKER_URL"])
app.conf.update(task_ignore_result=True, task_serializer="json", accept_content=["json"],
                task_default_queue="bare", broker_connection_retry_on_startup=True)

@app.task
def noop(): pass

@app.task
def mark(path): Path(path).write_text(repr(time.monotonic()))
"""


def main() -> None:
    """Run the bench that the command line asks for."""
    options = parse()
    sys.path.insert(0, str(ROOT))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clerk-bench-")))
        environment(folder, *services(stack, folder, options))
        say(f"broker {options.broker}, database {options.database}, {options.jobs} jobs, {os.cpu_count()} cores")
        say(f"each rate is the best of {options.rounds} rounds, in which both sides take turns")
        compare_enqueues(options)
        for concurrency in (1, 2):
            ours, bare = best(
                options.rounds,
                partial(run_ours, folder, options.jobs, concurrency),
                partial(run_bare, folder, options.jobs, concurrency),
            )
            report(f"no-op jobs, -c {concurrency}", ours, bare, "bare Celery")
            say(f"{'':24} the ledger's share of a job's time: {1 - ours / bare:5.0%}")
        if options.old_rows:
            old_rows(options.old_rows)
        say(f"{'clerk-tasks --help':24} {help_time():8.3f} s (best of 5)")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("--broker", choices=["redis", "rabbitmq", "embedded"], default="redis")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--jobs", type=int, default=5000, help="no-op jobs for each measurement (default 5000)")
    parser.add_argument("--batch", type=int, default=20000, help="jobs of the batch (default 20000)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side; the best counts (default 3)")
    parser.add_argument("--old-rows", type=int, default=0, help="also measure with so many old jobs in the table")
    return parser.parse_args()


def services(stack: ExitStack, folder: Path, options: argparse.Namespace) -> tuple[str | None, str]:
    """Start the broker and the database; return their addresses, None for the embedded broker."""
    from devtools import binaries
    from devtools.services import PostgresServer, RabbitServer, RedisServer

    def start(kind: type, service: str) -> str:
        found = binaries.find_program(service)
        if isinstance(found, binaries.Missing):
            sys.exit(f"{service}: {found}")
        server = kind(found.program, folder / service)
        stack.callback(server.stop)
        server.start()
        return str(server.url)

    database = f"sqlite:///{folder}/civic.db"
    if options.database == "postgresql":
        database = start(PostgresServer, "postgres")
    if options.broker == "embedded":
        return None, database
    kind = RabbitServer if options.broker == "rabbitmq" else RedisServer
    return start(kind, options.broker), database


def environment(folder: Path, broker: str | None, database: str) -> None:
    """Prepare this process and its children: addresses, plugins, tables, one site."""
    os.chdir(folder)
    (folder / "plugins").mkdir()
    (folder / "plugins" / "bench.py").write_text(PLUGIN)
    (folder / "bare.py").write_text(BARE)
    for name in ("BROKER_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    os.environ |= {"DATABASE_URL": database, "CLERK_HOME": str(folder / "clerk"), "PYTHONPATH": str(folder)}
    if broker is not None:
        os.environ["BROKER_URL"] = broker
    from clerk.database.migrate import upgrade
    from clerk.database.transactions import transaction
    from clerk.sites.rows import insert_site

    upgrade()
    with transaction() as connection:
        insert_site(connection, {"subdomain": "bench.ca", "name": "Bench", "state": "CA"})


@contextmanager
def broker() -> Iterator[None]:
    """Hold a broker: the embedded one only runs while it is used."""
    if "BROKER_URL" in os.environ:
        yield
        return
    from clerk_tasks.broker import embedded

    with embedded.attached():
        os.environ["BROKER_URL"] = embedded.broker_url()
        try:
            yield
        finally:
            del os.environ["BROKER_URL"]


def compare_enqueues(options: argparse.Namespace) -> None:
    """Measure enqueueing, lone and in a batch, ours and bare; leave nothing behind."""
    from clerk.jobs import JobRequest
    from clerk_tasks import dispatcher

    sys.path.insert(0, ".")
    with broker():
        import bare

        request = JobRequest("noop", "bench.ca")
        batch = [request] * options.batch
        lone = min(options.jobs, 2000)

        def publish() -> None:
            with bare.app.producer_pool.acquire(block=True) as producer, producer.batch():
                for _ in batch:
                    bare.noop.apply_async(producer=producer)

        ours_lone = partial(rate, lone, lambda: [dispatcher.enqueue(request) for _ in range(lone)])
        bare_lone = partial(rate, lone, lambda: [bare.noop.delay() for _ in range(lone)])
        ours_batch = partial(rate, len(batch), lambda: dispatcher.enqueue_many(batch))
        bare_batch = partial(rate, len(batch), publish)
        report("lone enqueues", *best(options.rounds, ours_lone, bare_lone), "bare Celery")
        report("batch, rows + messages", *best(options.rounds, ours_batch, bare_batch), "bare Celery")
    clean()


def best(rounds: int, ours: Callable[[], float], bare: Callable[[], float]) -> tuple[float, float]:
    """Return the best rate of each side; they take turns, so that a neighbour's load meets both."""
    rates = [(ours(), bare()) for _ in range(rounds)]
    return max(one for one, _ in rates), max(other for _, other in rates)


def clean() -> None:
    """Empty the jobs table and the queues, so that the next measurement starts with nothing."""
    import sqlalchemy as sa

    from clerk.database import tables as models
    from clerk.database.transactions import transaction
    from clerk_tasks.broker.base import queue
    from clerk_tasks.broker.publisher import publisher

    with transaction() as connection:
        for table in (models.attempts_table, models.jobs_table, models.stages_table, models.runs_table):
            connection.execute(sa.delete(table))
    with broker():
        for name in ("default", "bare"):
            publisher()._attempt(lambda name=name: queue(name)(publisher()._connect().channel).purge())


def rate(count: int, action: Callable[[], object]) -> float:
    """Return how many a second."""
    began = time.perf_counter()
    action()
    return count / (time.perf_counter() - began)


def run_ours(folder: Path, count: int, concurrency: int) -> float:
    """Return no-op jobs a second, from the first to the last, by a worker that starts on a full queue."""
    from clerk.jobs import JobRequest
    from clerk_tasks import dispatcher

    first, last = folder / "first", folder / "last"
    jobs = [JobRequest("noop", "bench.ca")] * count
    marks = [JobRequest("mark", "bench.ca", {"path": str(path)}) for path in (first, last)]
    with broker():
        dispatcher.enqueue_many([marks[0], *jobs, marks[1]])
        worker = [*CLERK_TASKS, "worker", "default", "-c", str(concurrency), "--burst"]
        seconds = between(worker, first, last)
    clean()
    return count / seconds


def run_bare(folder: Path, count: int, concurrency: int) -> float:
    """Return the same of bare Celery."""
    with broker():
        import bare

        first, last = folder / "first", folder / "last"
        bare.mark.delay(str(first))
        for _ in range(count):
            bare.noop.delay()
        bare.mark.delay(str(last))
        # Each logs the end of each job, as operators have it.
        options = ["-c", str(concurrency), "-l", "INFO", "--without-mingle", "--without-gossip"]
        return count / between([sys.executable, "-m", "celery", "-A", "bare", "worker", *options], first, last)


def between(worker: list[str], first: Path, last: Path) -> float:
    """Start a worker and return the seconds between the two marks that its jobs make."""
    for path in (first, last):
        path.unlink(missing_ok=True)
    with Path("worker.log").open("w") as log:
        process = subprocess.Popen(worker, stdout=log, stderr=log)
        give_up = time.monotonic() + 600
        while not (last.exists() and last.read_text()):
            if process.poll() not in (None, 0) or time.monotonic() > give_up:
                sys.exit(f"the worker did not finish:\n{Path('worker.log').read_text()[-3000:]}")
            time.sleep(0.05)
        process.terminate()
        process.wait(60)
    return float(last.read_text()) - float(first.read_text())


def old_rows(count: int) -> None:
    """Measure claim + finish, in this process, with an empty table and with `count` jobs of the past in it."""
    import sqlalchemy as sa

    from clerk.database.tables import jobs_table
    from clerk.database.transactions import transaction
    from clerk_tasks.ledger.insert import NewJob, NewStage
    from clerk_tasks.ledger.runs import record_run

    before = claim_and_finish()
    say(f"writing {count} old jobs")
    for start in range(0, count, 50_000):
        batch = [NewJob(job_type="noop", subdomain="bench.ca")] * min(50_000, count - start)
        with transaction() as connection:
            stage = NewStage(name="old", jobs=batch)
            record_run(connection, f"old-{start}", subdomain="bench.ca", pipeline="old", new_stages=[stage])
            old = sa.update(jobs_table).where(jobs_table.c.state == "available")
            connection.execute(old.values(state="completed", publish_at=None))
    report(f"with {count} old jobs", claim_and_finish(), before, "empty table")


def claim_and_finish(count: int = 2000) -> float:
    """Return how many no-op jobs a second one executor gets through, without a broker."""
    os.environ["CLERK_INSTANCE"] = "bench"
    from clerk.jobs import JobRequest
    from clerk_tasks import dispatcher
    from clerk_tasks.worker.executor import executor

    with broker():
        ids = dispatcher.enqueue_many([JobRequest("noop", "bench.ca")] * count).job_ids
    return rate(count, lambda: [executor().run(job_id) for job_id in ids])


def help_time() -> float:
    """Return the best of five times of `clerk-tasks --help`, in seconds."""
    return 1 / max(rate(1, lambda: subprocess.run([*CLERK_TASKS, "--help"], capture_output=True)) for _ in range(5))


def report(name: str, ours: float, base: float, what: str) -> None:
    """Print one comparison."""
    say(f"{name:24} {ours:8.0f} /s   {what} {base:8.0f} /s   ratio {ours / base:5.2f}")


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
