"""The whole system as operators run it: programs, a plugins directory, and what the jobs have left behind."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from clerk.database.engine import create_engine
from clerk.database.states import FINISHED
from clerk.settings import settings
from clerk_tasks.ledger import queries
from devtools import jobs_plugin
from devtools.ledger_laws import Ledger, check
from devtools.processes import Program, Programs, wait_for

SITE = "a.ca"


class System:
    """One database, one broker, and the programs that a test starts."""

    def __init__(self, programs: Programs, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.programs = programs
        self.engine = create_engine(url, durable=False)
        self.effects_file = folder / "effects"
        self.plugins = folder / "plugins"
        self.plugins.mkdir()
        self.add_plugin(jobs_plugin)
        for name, value in {
            "EFFECTS": str(self.effects_file),
            "CLERK_PLUGINS_DIR": str(self.plugins),
            "CLERK_LEASE": "6",
            "CLERK_RELAY_INTERVAL": "0.5",
            "CLERK_SHUTDOWN_GRACE": "1",
        }.items():
            monkeypatch.setenv(name, value)
        settings.discard()  # a broker's fixture may have read them before
        with self.engine.begin() as connection:
            connection.execute(
                sa.text("INSERT INTO sites (subdomain, name, state) VALUES (:s, 'A', 'CA')"), {"s": SITE}
            )

    def add_plugin(self, module: ModuleType) -> None:
        """Put a plugin's file beside the others; for programs that start later, and before the first job."""
        assert module.__file__ is not None
        shutil.copy(module.__file__, self.plugins)

    def worker(self, *arguments: str, env: dict[str, str] | None = None) -> Program:
        """Start a worker of the default pool, and return once it takes jobs."""
        worker = self.programs.clerk("worker", "default", *(arguments or ("-c", "1")), env=env)
        worker.wait_for_log("ready", deadline=60)
        return worker

    def enqueue(self, job_type: str, **arguments: Any) -> str:
        """Enqueue a job as a program that imports us does, and return its id."""
        from clerk.queue import enqueue_job

        return enqueue_job(job_type, SITE, **arguments)

    def job(self, job_id: str) -> dict[str, Any]:
        """Return what `jobs show --json` prints."""
        with self.engine.connect() as connection:
            return queries.show_job(connection, job_id)

    def run(self, run_id: str) -> dict[str, Any]:
        """Return what `runs show --json` prints."""
        with self.engine.connect() as connection:
            return queries.show_run(connection, run_id)

    def wait_until(self, job_id: str, *states: str, deadline: float = 30.0) -> dict[str, Any]:
        """Return the job once it is in one of the states."""
        wait_for(
            lambda: self.job(job_id)["state"] in states,
            f"job {job_id} gets {' or '.join(states)}",
            deadline=deadline,
            logs=lambda: f"{self.job(job_id)}\n{self.programs.logs()}",
        )
        return self.job(job_id)

    def wait_for_end(self, *job_ids: str, deadline: float = 30.0) -> list[str]:
        """Return the jobs' states once all have ended."""
        return [self.wait_until(job_id, *FINISHED, deadline=deadline)["state"] for job_id in job_ids]

    def wait_until_began(self, job_id: str, *, attempt: int = 1) -> int:
        """Return the process id of an attempt once its function has been called."""

        def pid() -> int:
            lines = [line.split() for line in self.lines(".began")]
            return next((int(line[2]) for line in lines if line[:2] == [job_id, str(attempt)]), 0)

        return wait_for(pid, f"attempt {attempt} of {job_id} begins", deadline=30, logs=self.programs.logs)

    def count_began(self) -> int:
        """Return how many attempts have called their function."""
        return len(self.lines(".began"))

    def open_gate(self) -> None:
        """Let the gated jobs finish."""
        self.effects_file.with_name("effects.gate").touch()

    def effects(self) -> Counter[str]:
        """Return how often each job had its effect: the number that must be one."""
        return Counter(line.split()[1] for line in self.lines(""))

    def began(self) -> dict[str, int]:
        """Return when each job's function was first called: its place among them all."""
        ids = [line.split()[0] for line in self.lines(".began")]
        return {job_id: place for place, job_id in reversed([*enumerate(ids)])}

    def kept(self) -> dict[str, tuple[str, int]]:
        """Return what `keeps` jobs have put in place, {key: (job id, attempt)}; fails on a file that is not whole."""
        folder = Path(f"{self.effects_file}.kept")
        files = [path for path in folder.glob("*") if not path.name.startswith(".")] if folder.exists() else []
        words = {path.name: path.read_text().split() for path in files}
        return {key: (job_id, int(attempt)) for key, (job_id, attempt) in words.items()}

    def attempts(self, job_id: str) -> list[str]:
        """Return the outcomes of a job's attempts."""
        return [attempt["outcome"] for attempt in self.job(job_id)["attempts"]]

    def check(self) -> None:
        """Assert the laws of the ledger, as it is at one moment: the workers may be at it still."""
        with self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            check(Ledger.read(connection))

    def lines(self, file: str) -> Sequence[str]:
        """Return the lines of a file beside the effects, named by its ending."""
        path = Path(f"{self.effects_file}{file}")
        return path.read_text().splitlines() if path.exists() else []


def children_of(worker: Program) -> list[psutil.Process]:
    """Return the processes of a worker that execute jobs."""
    return [child for child in worker.children() if "spawn_main" in command_of(child)]


def command_of(process: psutil.Process) -> str:
    """Return a process's command line; nothing if it has ended."""
    with suppress(psutil.NoSuchProcess):  # or a zombie, which is a kind of that
        return " ".join(process.cmdline())
    return ""
