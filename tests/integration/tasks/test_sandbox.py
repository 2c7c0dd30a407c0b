"""What surrounds a job: it leaves nothing to the next, and what fails around it is not its failure."""

from __future__ import annotations

import csv
import decimal
import gc
import logging
import logging.config
import os
import resource
import signal
import socket
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from clerk import current_job
from clerk.fsync import switch_folder
from clerk_tasks.ledger import leases
from clerk_tasks.ledger.claims import Claim
from clerk_tasks.worker import process_state
from devtools import claiming
from tests.integration.ledger.ledger import LedgerOf, job
from tests.integration.tasks.one_job import OneJob, executor_of, raising, run


def test_a_job_leaves_nothing_behind_for_the_next(on_both: LedgerOf, plugin: OneJob) -> None:
    """Guards: each entry of STATE, and the timer, which would kill the next job."""
    before = [read() for _, read, _ in process_state.STATE]

    def careless() -> None:
        os.umask(0o777)
        sys.path.insert(0, "/nowhere")
        sys.setrecursionlimit(10_000)
        socket.setdefaulttimeout(0.001)
        logging.disable(logging.CRITICAL)
        decimal.getcontext().prec = 3
        warnings.simplefilter("error")
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
        signal.setitimer(signal.ITIMER_REAL, 60)
        signal.setitimer(signal.ITIMER_PROF, 60)
        sys.setswitchinterval(1)
        sys.setprofile(lambda *_: None)
        sys.set_int_max_str_digits(0)
        sys.excepthook = sys.unraisablehook = threading.excepthook = print
        sys.argv = ["another"]
        threading.stack_size(1 << 20)
        csv.field_size_limit(10)
        gc.disable()
        gc.set_threshold(1)
        tempfile.tempdir = "/nowhere"
        warnings.showwarning = print  # type: ignore[assignment]
        logging.root.setLevel(logging.CRITICAL)
        logging.getLogger("clerk").propagate = False
        logging.root.handlers.clear()
        resource.setrlimit(resource.RLIMIT_FSIZE, (10**9, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        os.environ["TZ"] = "America/Los_Angeles"
        time.tzset()
        os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) - 1)

    assert run(on_both, plugin, careless).state == "completed"
    after = [read() for _, read, _ in process_state.STATE]
    assert [str(value) for value in after] == [str(value) for value in before]
    for timer in (signal.ITIMER_REAL, signal.ITIMER_PROF):
        assert signal.getitimer(timer) == (0.0, 0.0)


def test_a_process_whose_folder_is_gone_runs_no_job(
    on_both: LedgerOf, plugin: OneJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guard: Unfit. What fails around a job is not the job's failure: it is handed back, uncounted."""
    folder = tmp_path / "release"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    row = run(on_both, plugin, raising(AssertionError("called")), max_attempts=1)
    assert (row.state, row.attempt, row.max_attempts) == ("retryable", 1, 2)
    assert "the working directory of this worker is gone" in row.error


def test_a_job_that_loses_its_folder_has_had_its_effects(
    on_both: LedgerOf, plugin: OneJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "release"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert run(on_both, plugin, folder.rmdir).state == "completed"


async def _asynchronous() -> None:
    raise AssertionError("run")


def _generator() -> Iterator[int]:
    raise AssertionError("run")
    yield 1


@pytest.mark.parametrize("function", [_asynchronous, _generator])
def test_what_returns_before_its_body_has_run_has_failed(
    on_both: LedgerOf, plugin: OneJob, function: Callable[[], Any]
) -> None:
    """Guard: check_has_run. A lambda or a decorator hides that the function is asynchronous."""
    row = run(on_both, plugin, lambda: function(), max_attempts=1)
    assert row.state == "discarded"
    assert "its body has not run" in row.error


@pytest.mark.slow
def test_the_threads_of_a_job_know_the_job(on_both: LedgerOf, plugin: OneJob) -> None:
    """Guards: _of_process; turn(): a thread waits for no fence of the job for long, and is no stand-in."""
    said = []

    def function() -> None:
        def in_thread() -> None:
            said.append(current_job().job_id)
            current_job().checkpoint()
            current_job().progress("from a thread")

        with ThreadPoolExecutor(1) as pool:
            pool.submit(in_thread).result()
            with current_job().fence():
                pool.submit(in_thread).result()
        said.append(current_job().job_id)

    row = run(on_both, plugin, function)
    assert (row.state, set(said)) == ("completed", {row.id})


def test_a_zombie_stops_at_the_file_in_hand(on_both: LedgerOf, plugin: OneJob, tmp_path: Path) -> None:
    """Guard: `_check_owned` in commit_files. The lock was lost while the process stood still."""
    made = {tmp_path / f"{number}.new": tmp_path / f"{number}" for number in range(5)}

    class Slow(dict[Path, Path]):
        def items(self) -> Any:
            for number, pair in enumerate(super().items()):
                if number == 2:
                    self.lose()
                yield pair

        def lose(self) -> None:
            job_id, connection = current_job().job_id, current_job()._held  # type: ignore[attr-defined]
            connection._say("ROLLBACK")  # what PostgreSQL does to a transaction that stands still
            row = on_both.job(job_id)
            claim = Claim(job_id, 1, "w", 1, "run", row.stage_id, "t", "a.ca", "{}", 3, 1.0, 1.0)
            on_both.do(leases.lost, claim, "its lease ended")

    def function() -> None:
        for file in made:
            file.write_text("new")
        current_job().commit_files(Slow(made))

    run(on_both, plugin, function)
    assert [final.exists() for final in made.values()] == [True, True, False, False, False]


def test_a_folder_is_put_in_place_at_once(on_both: LedgerOf, plugin: OneJob, tmp_path: Path) -> None:
    """Guard: switch_folder: the old content goes, and another attempt's job leaves it as it is."""
    place = tmp_path / "site"
    final = place / "pages"

    def make(name: str) -> Path:
        folder = place / f".{name}"
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / name).write_text(name)
        return folder

    for name in ("first", "second"):
        plugin.function = lambda name=name: current_job().commit_folder(make(name), final)  # type: ignore[misc]
        (job_id,) = on_both.record([job()], run_id=name).job_ids
        executor = executor_of(on_both)
        claiming.execute(on_both.engine, executor, job_id)
        executor.held.close()
        assert on_both.job(job_id).state == "completed", on_both.job(job_id).error
        assert [path.name for path in final.rglob("*") if path.is_file()] == [name]
    assert sorted(path.name for path in place.iterdir()) == ["pages"]


def test_readers_always_find_the_folder(tmp_path: Path) -> None:
    """Guard: _exchange: two names change places, and at no moment is there none."""
    folder, over = tmp_path / "pages", Event()
    folder.mkdir()

    def read() -> int:
        reads = 0
        while not over.is_set():
            os.scandir(folder).close()
            reads += 1
        return reads

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        for number in range(300):
            made = tmp_path / f"{number}"
            made.mkdir()
            switch_folder(made, folder)
        over.set()
        assert reading.result() > 0
