"""What a job leaves in its process: it is undone, or the process is replaced before the next job."""

from __future__ import annotations

import asyncio
import logging
import logging.config
import os
import random
import resource
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from clerk import current_job, fsync
from clerk.application import application
from clerk_tasks.worker import process_state, sandbox
from devtools import claiming
from tests.integration.ledger.ledger import LedgerOf, job
from tests.integration.tasks.one_job import OneJob, executor_of

pytestmark = pytest.mark.usefixtures("another_slice")


@pytest.fixture
def another_slice() -> None:
    sandbox.look_again()


def run_twice(ledger: LedgerOf, plugin: OneJob, function: Callable[[], Any]) -> tuple[bool, list[str]]:
    """Execute two jobs of a function; return whether their process must be replaced, and the jobs' states."""
    plugin.function = function
    executor = executor_of(ledger)
    ids = [ledger.record([job()], []).job_ids[0] for _ in range(2)]
    for job_id in ids:
        claiming.execute(ledger.engine, executor, job_id)
    executor.held.close()
    return executor.worn_out, [ledger.job(job_id).state for job_id in ids]


def test_a_process_with_threads_of_a_job_is_replaced(
    on_both: LedgerOf, plugin: OneJob, caplog: pytest.LogCaptureFixture
) -> None:
    """Guard: `left` in _put_back. A threading.Timer that is left behind acts on the next job."""
    over = Event()
    worn_out, states = run_twice(on_both, plugin, Thread(target=over.wait, name="left-behind").start)
    over.set()
    assert (worn_out, states[0]) == (True, "completed")
    assert "a job left threads behind: left-behind: this process is replaced" in caplog.text


def test_a_process_whose_threads_have_ended_is_kept(on_both: LedgerOf, plugin: OneJob) -> None:
    def function() -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(current_job().checkpoint).result()

    assert run_twice(on_both, plugin, function) == (False, ["completed"] * 2)


def test_a_process_is_kept_for_the_threads_that_fsync_its_files(
    on_both: LedgerOf, plugin: OneJob, tmp_path: Path
) -> None:
    """Guard: OWN_THREADS: every job that reads a document would cost a process."""
    application.discard(fsync._threads_of)
    files = [tmp_path / str(number) for number in range(3)]

    def function() -> None:
        for file in files:
            file.touch()
        fsync.flush(*files)

    assert run_twice(on_both, plugin, function) == (False, ["completed"] * 2)


def test_a_process_that_has_few_files_left_is_replaced(on_both: LedgerOf, plugin: OneJob) -> None:
    """Guard: _lowest_free: the next job could open none, which is not its failure."""
    before, opened = resource.getrlimit(resource.RLIMIT_NOFILE), [os.open(os.devnull, os.O_RDONLY)]
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    while opened[-1] < highest:  # fill the gaps that other tests have left
        opened.append(os.open(os.devnull, os.O_RDONLY))
    resource.setrlimit(resource.RLIMIT_NOFILE, (opened[-1] + 340, before[1]))
    try:
        worn_out, states = run_twice(
            on_both, plugin, lambda: opened.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(150))
        )
        assert (worn_out, states) == (True, ["completed"] * 2)
    finally:
        for number in opened:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_what_cannot_be_put_back_has_the_process_replaced(
    on_both: LedgerOf, plugin: OneJob, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Guard: the second `read() != value`: a user other than root cannot lower its nice value again, say."""
    values = [1]
    stuck = ("nice value", lambda: values[-1], lambda _: values.append(3))
    monkeypatch.setattr("clerk_tasks.worker.sandbox.STATE", (*process_state.STATE, stuck))
    assert run_twice(on_both, plugin, lambda: values.append(2))[0] is True
    assert "a job changed what cannot be put back: nice value: this process is replaced" in caplog.text


def test_a_timer_that_would_dump_and_exit_is_cancelled() -> None:
    """Guard: cancel_dump_traceback_later in stop_timers: it would end the process in the next job."""
    code = """
import faulthandler, time
from clerk_tasks.worker.sandbox import restored
with restored():
    faulthandler.dump_traceback_later(0.2, exit=True)
time.sleep(0.4)
print("alive")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "alive\n"


def test_descriptors_that_a_job_has_closed_are_open_for_the_next() -> None:
    """Guard: _open_streams: the next file would be opened as number 1, and get what is printed."""
    code = """
import os, sys
from clerk_tasks.worker.sandbox import restored
with restored():
    sys.stdin.close()
    os.closerange(0, 2)
found = os.open("file", os.O_CREAT | os.O_WRONLY)
print("printed", flush=True)
sys.stderr.write(f"{found > 2} {sys.stdin.read()!r} {os.stat('file').st_size}")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == "True '' 0"


def test_a_seed_an_event_loop_and_an_opener_are_of_one_job() -> None:
    """Guards: each line of forget()."""
    policy = asyncio.get_event_loop_policy()
    drawn = []
    for _ in range(2):
        with sandbox.restored():
            random.seed(1)
            asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())
            left = asyncio.get_event_loop_policy()
            opener = urllib.request.build_opener()
            urllib.request.install_opener(opener)
        drawn.append(random.random())
        assert asyncio.get_event_loop_policy() is not left
        assert urllib.request._opener is not opener  # type: ignore[attr-defined]
    asyncio.set_event_loop_policy(policy)
    assert drawn[0] != drawn[1]


def test_loggers_that_a_job_has_disabled_log_again() -> None:
    """Guard: `disabled` in _set_logging: dictConfig disables every logger that it does not name."""
    logger = logging.getLogger("clerk_tasks.worker.executor")
    with sandbox.restored():
        logging.config.dictConfig({"version": 1})
        assert logger.disabled
    assert not logger.disabled
