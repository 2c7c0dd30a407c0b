"""Measure one task system: rates with their CPU time, latency, and what a kill -9 does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from devtools.bench import jobs
from devtools.bench.servers import Servers
from devtools.bench.table import Peer
from devtools.processes import Program, Programs, wait_for

ROOT = Path(__file__).resolve().parents[2]
#: The variable that marks every process of a measurement with its folder.
TAG = "BENCH_MEASUREMENT"
#: How long one measurement may take, in seconds.
PATIENCE = 300
#: How much of the workers' logs a failure quotes, in characters.
LOGGED = 800
#: The kill test: jobs, seconds of each, jobs done before the kill.
NAPS, NAP, BEFORE = 200, 0.05, 60
#: How long to go on watching for jobs that run again once all are done, in seconds.
AFTER = 5


def say(text: str) -> None:
    """Report progress, away from the results."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


class Failed(Exception):
    """A measurement that did not work, and why."""


@dataclass(frozen=True)
class Rate:
    """Jobs a second, and the CPU milliseconds of all processes for one job."""

    per_second: float
    cpu_ms: float

    def __str__(self) -> str:
        """Return the table's cell."""
        return f"{self.per_second:,.0f} ({self.cpu_ms:.2f})".replace(",", " ")


@dataclass(frozen=True)
class Kill:
    """What became of 200 jobs within `watched` seconds after a kill -9 and a restart.

    `seconds` is from the restart to the end of the last job, None if some never ended.
    """

    not_back: int
    done_twice: int
    begun_twice: int
    seconds: float | None
    watched: float

    def __str__(self) -> str:
        """Return the table's cell."""
        back = (
            f"{self.not_back} not back in {self.watched:g} s" if self.not_back else f"all back in {self.seconds:.1f} s"
        )
        return f"{back}; {self.done_twice} done twice, {self.begun_twice} begun twice"


class Bench:
    """One task system and an empty place for it on the servers."""

    def __init__(self, peer: Peer, python: Path, folder: Path, servers: Servers) -> None:
        self._peer, self._python, self.folder = peer, python, folder
        folder.mkdir(parents=True)
        self._programs = Programs(folder)
        address = servers.empty(peer.servers)
        self.environment = {
            **os.environ,
            "BENCH_FOLDER": str(folder),
            "TMPDIR": str(folder),  # a process that is killed leaves its temporary files there
            **address,
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": address.get("POSTGRES_URL", f"sqlite:///{folder}/bench.db"),
            "CLERK_HOME": str(folder / "home"),
            "BENCH_PID": str(os.getpid()),
            "BENCH_IGNORED": " ".join(map(str, servers.pids_besides(peer.servers))),
            "BENCH_VARIANT": peer.variant,
            TAG: str(folder),
        }
        self.workers: list[Program] = []

    def drive(self, action: str, *arguments: object) -> Any:
        """Run one action of `devtools.bench.driver` in the peer's environment; return its answer."""
        words = [str(self._python), "-m", "devtools.bench.driver", self._peer.module, action, *map(str, arguments)]
        try:
            done = subprocess.run(
                words, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=PATIENCE
            )
        except subprocess.TimeoutExpired as error:
            raise Failed(f"{action} did not end within {PATIENCE} s") from error
        if done.returncode:
            raise Failed(f"{action} failed: {(done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]}")
        return json.loads(done.stdout.splitlines()[-1])

    def start(self, commands: list[list[str]], processes: int) -> str:
        """Start a worker and wait until all its processes run jobs; return the file of their marks.

        Raises Failed if none does. Fewer than `processes` are reported: how a worker spreads jobs is its own affair.
        """
        self.run(commands)
        path = str(self.folder / "ready")
        found = self.drive("ready", path, processes)
        if not found:
            raise Failed(f"no job runs\n{self.logs()}")
        if found < processes:
            say(f"{self._peer.name}: only {found} of {processes} processes run jobs")
        return path

    def run(self, commands: list[list[str]]) -> None:
        """Start a worker."""
        self.workers = [self._programs.run(*words, env=self.environment, cwd=self.folder) for words in commands]

    def family(self) -> list[psutil.Process]:
        """Return the worker's processes, the parents first."""
        parents = [psutil.Process(worker.pid) for worker in self.workers if worker.alive]
        return [*parents, *(child for parent in parents for child in parent.children(recursive=True))]

    def stop(self) -> None:
        """End all that was started, and remove what it wrote."""
        self._programs.stop()
        for process in [*self._strays()]:
            with suppress(psutil.Error):
                process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _strays(self) -> Iterator[psutil.Process]:
        """Yield what was started and has lost its parent: orphans, an embedded broker and its keeper."""
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                # Valkey overwrites its environment.
                if process.environ().get(TAG) == str(self.folder) or str(self.folder) in " ".join(process.cmdline()):
                    yield from (process, *process.children(recursive=True))

    def logs(self) -> str:
        """Return the end of what the workers wrote."""
        return self._programs.logs()[-LOGGED:]


def rate(bench: Bench, processes: int, count: int, *, before: Callable[[], object] = lambda: None) -> Rate:
    """Return the rate of no-op jobs, from a full queue; `before` is called when the tables are there.

    The worker is frozen while the queue is filled, so that no process starts late.
    """
    commands = bench.drive("prepare", processes)
    before()
    bench.start(commands, processes)
    path = str(bench.folder / "marks")
    with frozen(bench):
        bench.drive("fill", path, count)
    wait(lambda: len(jobs.lines(path)) == 2, "the last job runs", bench, PATIENCE)
    first, last = jobs.lines(path)
    seconds = float(last[0]) - float(first[1])
    return Rate(count / seconds, 1000 * (float(last[2]) - float(first[2])) / count)


def first_job(bench: Bench) -> float:
    """Return the seconds from a worker's command to the start of its first job, which waits for it."""
    commands = bench.drive("prepare", 1)
    path = str(bench.folder / "marks")
    bench.drive("fill", path, 1)
    began = time.monotonic()
    bench.run(commands)
    wait(lambda: jobs.lines(path), "the first job runs", bench, PATIENCE)
    return float(jobs.lines(path)[0][0]) - began


@contextmanager
def frozen(bench: Bench) -> Iterator[None]:
    """Freeze the worker's processes for the time of the block."""
    family = bench.family()
    for process in family:
        process.suspend()
    try:
        yield
    finally:
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def enqueue(bench: Bench, action: str, count: int) -> Rate:
    """Return the rate of enqueues, `action` says whether lone or in a batch; no worker runs."""
    bench.drive("prepare", 1)
    per_second, cpu = bench.drive(action, count)
    return Rate(per_second, 1000 * cpu)


def latency(bench: Bench, count: int) -> list[float]:
    """Return the milliseconds from enqueue to start, at idle."""
    path = bench.start(bench.drive("prepare", 1), 1)
    return list(bench.drive("latency", path, count))


def kill(bench: Bench, watch: float) -> Kill:
    """Kill -9 a worker of two processes amid its jobs, the parent first; start it again and watch so many seconds."""
    commands = bench.drive("prepare", 2)
    bench.start(commands, 2)
    path = str(bench.folder / "naps")
    bench.drive("naps", path, NAPS, NAP)
    wait(lambda: said(path)["done"].total() >= BEFORE, "jobs are done", bench, PATIENCE)
    for process in bench.family():
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    for worker in bench.workers:
        worker.destroy()
        worker.start()
    began = time.monotonic()
    seconds = None
    with suppress(Failed):  # that some never came is the finding
        wait(lambda: len(said(path)["done"]) == NAPS, "all jobs are done", bench, watch)
        seconds = time.monotonic() - began
        end = time.monotonic() + AFTER
        wait(lambda: time.monotonic() > end, "no job runs again", bench, AFTER + 5)
    found = said(path)
    twice = {word: sum(times > 1 for times in found[word].values()) for word in ("began", "done")}
    return Kill(NAPS - len(found["done"]), twice["done"], twice["began"], seconds, watch)


def said(path: str) -> dict[str, Counter[str]]:
    """Return how often each job has begun and is done."""
    found: dict[str, Counter[str]] = {"began": Counter(), "done": Counter()}
    for word, number in jobs.lines(path):
        found[word][number] += 1
    return found


def wait(predicate: Any, what: str, bench: Bench, deadline: float) -> None:
    """Wait until something is so; raises Failed with the worker's log."""
    try:
        wait_for(predicate, what, deadline=deadline, logs=bench.logs)
    except AssertionError as error:
        raise Failed(str(error)) from error


def as_json(value: object) -> object:
    """Return a measured value as JSON takes it."""
    return asdict(value) if isinstance(value, Rate | Kill) else value
