"""Restore the process after each job, and end copies of it that a job has forked."""

from __future__ import annotations

import os
import resource
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from clerk_tasks.worker import child_output
from clerk_tasks.worker.process_state import STATE, forget, stop_timers

#: How many files more than there are a process must be able to open, or it is replaced.
LEAST_FILES = 64


class Unfit(Exception):
    """This process cannot run any job, for a reason that is not the job's."""


@contextmanager
def restored(replace: Callable[[str], object] = lambda _: None) -> Iterator[None]:
    """Put the process back as it was when the block ends: folder, environment, streams, timers, and all of STATE.

    `replace` is called with what cannot be put back: this process must run no other job. Raises Unfit at once if the
    working directory is gone.
    """
    try:
        folder = os.getcwd()  # noqa: PTH109
    except OSError as error:
        raise Unfit(f"the working directory of this worker is gone ({error}): start it again") from error
    streams, environment = (sys.stdin, sys.stdout, sys.stderr), _environment().copy()
    threads = set(threading.enumerate())
    before = [read() for _, read, _ in STATE]
    try:
        yield
    finally:
        stop_timers()  # before their handlers are put back
        with suppress(OSError):  # gone meanwhile: the next job is refused, this one has had its effects
            os.chdir(folder)
        if _environment() != environment:
            os.environb.clear()
            os.environb.update(environment)
        sys.stdin, sys.stdout, sys.stderr = streams
        _open_streams()
        forget()
        for (name, read, put_back), value in zip(STATE, before, strict=True):
            if read() != value:  # to put it back regardless would cost more: `logging.disable` clears every cache
                with suppress(Exception):
                    put_back(value)
                if read() != value:
                    replace(f"a job changed what cannot be put back: {name}")
        if left := [thread.name for thread in threading.enumerate() if thread not in threads]:
            replace(f"a job left threads behind: {', '.join(left)[:200]}")
        if _few_files_left():
            replace("jobs left too many files open")


def _open_streams() -> None:
    """Open again the streams and their descriptors that a job has closed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # the next file that is opened would get its number, and what is printed
            child_output.open_again(number)
    if getattr(sys.stdin, "closed", False):
        sys.stdin = open(os.devnull)  # noqa: SIM115, PTH123 - for as long as the process lives
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(getattr(sys, name), "closed", False):
            setattr(sys, name, child_output.unbuffered(number))


def _few_files_left() -> bool:
    """Return whether this process has nearly as many files open as it may: the next job could open none."""
    try:
        lowest = os.open(os.devnull, os.O_RDONLY)
    except OSError:
        return True
    os.close(lowest)
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return soft != resource.RLIM_INFINITY and lowest > soft - LEAST_FILES


def _environment() -> dict[bytes, bytes]:
    """Return the environment's own bytes: to decode all of it twice takes longer than the rest of a short job."""
    return os.environ._data  # type: ignore[attr-defined, no-any-return]


@contextmanager
def forked_copies_exit() -> Iterator[None]:
    """End a copy of this process, which a job forked, where the block ends: it must not go on as a worker's child."""
    ours, status = os.getpid(), 1
    try:
        yield
        status = 0
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else int(left.code is not None)
        raise
    finally:
        if os.getpid() != ours:
            os._exit(status)
