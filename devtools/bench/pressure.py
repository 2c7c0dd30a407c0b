"""A steady load of short jobs, a pressure in the middle of it, and what became of rate, latency and dead rows.

The scenarios are those of hardbyte/postgresql-job-queue-benchmarking (`docs/method.md`), in seconds where it takes
minutes.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial

import psycopg

from devtools import pressures
from devtools.bench import cpu
from devtools.bench.measure import Bench, Failed
from devtools.bench.peers.clerk_tasks import SITE
from devtools.processes import Program
from devtools.services import Server

#: The share of what the workers can do that is enqueued while nothing presses.
EASY = 0.4
#: The jobs that are enqueued at once to see what the workers can do, and those of a backlog.
FULL, BACKLOG = 3000, 30_000
#: The jobs of one run, about as many as the producer records at once: the last of a run costs more than the others.
RUN = 50
#: How long to wait for all jobs to end, in seconds.
PATIENCE = 300.0

#: In the words of the partial indexes.
_UNFINISHED = ("= 'available'", "= 'running'", "IN ('scheduled', 'retryable')")
_PHASE = """
SELECT count(*), percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - created_at))
FROM jobs WHERE finished_at >= %s AND finished_at < %s
"""
#: Cheap, unlike a count: what measures the rate must not lower it.
_ANY = "SELECT " + " OR ".join(f"EXISTS (SELECT FROM jobs WHERE state {states})" for states in _UNFINISHED)
_DEAD = "SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables"


@dataclass(frozen=True)
class Scenario:
    """One pressure: the load during it, as a share of what the workers can do, and what else happens."""

    name: str
    load: float = EASY
    press: Callable[[Stage], AbstractContextManager[None]] = lambda _: nullcontext()


@dataclass(frozen=True)
class Phase:
    """What was seen in one phase; latency is from the insert to the recorded end, in milliseconds."""

    per_second: float
    p50: float
    p99: float
    cpu_ms: float
    dead_rows: int

    def __str__(self) -> str:
        """Return the table's cells."""
        return f"{self.per_second:,.0f} ({self.cpu_ms:.2f}) | {self.p50:,.0f} / {self.p99:,.0f} | {self.dead_rows:,}"


@dataclass(frozen=True)
class Outcome:
    """The phases before, during and after, and jobs without their end."""

    phases: list[Phase]
    recorded: int
    missing: int


class Stage:
    """One system under load: a server, a database, a worker of two children and a producer."""

    def __init__(self, bench: Bench, server: Server) -> None:
        self.bench, self.server = bench, server
        self.address = bench.environment["POSTGRES_URL"]
        bench.start(bench.drive("prepare", 2), 2)
        self._producer = subprocess.Popen(
            [sys.executable, "-m", "devtools.bench.producer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=bench.environment,
            cwd=bench.folder,
        )

    @property
    def worker(self) -> Program:
        """The worker's parent."""
        return self.bench.workers[0]

    def ask(self, statement: str, *values: object) -> tuple[object, ...]:
        """Return the first row of a statement's answer."""
        with psycopg.connect(self.address, autocommit=True) as connection:
            row = connection.execute(statement, values or None).fetchone()
        assert row is not None
        return tuple(row)

    def load(self, per_second: float) -> None:
        """Set how many jobs are enqueued each second from now on."""
        assert self._producer.stdin is not None
        self._producer.stdin.write(f"{per_second}\n")
        self._producer.stdin.flush()

    def phase(self, seconds: float) -> Phase:
        """Wait for so many seconds; return what was measured meanwhile."""
        [began], spent = self.ask("SELECT clock_timestamp()"), cpu.spent()
        threading.Event().wait(seconds)
        [ended], spent = self.ask("SELECT clock_timestamp()"), cpu.spent() - spent
        done, latencies = self.ask(_PHASE, began, ended)
        assert isinstance(done, int)
        p50, p99 = latencies if isinstance(latencies, list) else (float("nan"),) * 2
        [dead] = self.ask(_DEAD)
        assert dead is not None
        return Phase(done / seconds, 1000 * p50, 1000 * p99, 1000 * spent / max(done, 1), int(str(dead)))

    def unfinished(self) -> int:
        """Return how many jobs have not completed."""
        return int(str(self.ask("SELECT count(*) FROM jobs WHERE state <> 'completed'")[0]))

    def finish(self) -> int:
        """End the producer; return how many jobs it has recorded."""
        answer, _ = self._producer.communicate(timeout=60)
        return int(answer)

    def drain(self) -> float | None:
        """Wait until all jobs have completed; return how many a second did, None if they do not within PATIENCE."""
        left, began = self.unfinished(), time.monotonic()
        while self.ask(_ANY)[0]:
            if time.monotonic() - began > PATIENCE:
                return None
            threading.Event().wait(0.2)
        return left / (time.monotonic() - began)


def capacity(stage: Stage, jobs: int = FULL) -> float:
    """Return how many jobs a second the workers do when so many are enqueued at once, from a queue that was empty."""
    source = (
        "from clerk.jobs import JobRequest; from clerk_tasks.dispatcher import enqueue_many; "
        f"[enqueue_many([JobRequest('brief', '{SITE}')] * {RUN}) for _ in range({jobs // RUN})]"
    )
    subprocess.run([sys.executable, "-c", source], check=True, env=stage.bench.environment, cwd=stage.bench.folder)
    rate = stage.drain()
    if rate is None:
        raise Failed(f"{jobs} jobs did not end\n{stage.bench.logs()}")
    return rate


def drained(stage: Stage) -> str:
    """Return how fast a backlog is worked off beside a short queue, which is measured before and after it."""
    short, long, again = capacity(stage), capacity(stage, BACKLOG), capacity(stage)
    ratio = long / (short + again) * 2
    return f"{FULL:,} jobs end at {short:,.0f} and {again:,.0f}/s, {BACKLOG:,} at {long:,.0f}/s, a ratio of {ratio:.2f}"


def run(stage: Stage, scenario: Scenario, able: float, seconds: float) -> Outcome:
    """Press in the middle of three phases of so many seconds; wait until all jobs are done."""
    before = int(str(stage.ask("SELECT count(*) FROM jobs")[0]))
    stage.load(EASY * able)
    phases = [stage.phase(seconds)]
    with scenario.press(stage):
        stage.load(scenario.load * able)
        phases.append(stage.phase(seconds))
    stage.load(EASY * able)
    phases.append(stage.phase(seconds))
    recorded = stage.finish()
    stage.drain()
    after = int(str(stage.ask("SELECT count(*) FROM jobs")[0]))
    return Outcome(phases, recorded, before + recorded - after + stage.unfinished())


def _kill(stage: Stage) -> None:
    """Kill -9 the worker with its children, and start it again at once."""
    stage.worker.destroy()
    stage.worker.start()


@contextmanager
def _one_kill(stage: Stage) -> Iterator[None]:
    _kill(stage)
    yield


@contextmanager
def _restart(stage: Stage) -> Iterator[None]:
    stage.server.kill()
    stage.server.start()
    yield


SCENARIOS = (
    Scenario("a transaction pins xmin", press=lambda stage: pressures.pinned_xmin(stage.address)),
    Scenario("four REPEATABLE READ readers", press=lambda stage: pressures.readers(stage.address)),
    Scenario("1.5 times what workers do", load=1.5),
    Scenario("3 times what workers do", load=3.0),
    Scenario("the worker is killed once", press=_one_kill),
    Scenario(
        "the worker is killed again and again", press=lambda stage: pressures.repeated(partial(_kill, stage), 5.0)
    ),
    Scenario("PostgreSQL is killed and started", press=_restart),
    Scenario("connections are terminated", press=lambda stage: pressures.terminations(stage.address)),
    Scenario("300 idle connections", press=lambda stage: pressures.idle_connections(stage.address, 300)),
)
