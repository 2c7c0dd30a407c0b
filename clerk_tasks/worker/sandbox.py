"""Restore the process after each job, and end copies of it that a job has forked."""

from __future__ import annotations

import errno
import os
import resource
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from clerk.fsync import OWN_THREADS
from clerk_tasks.worker import child_output
from clerk_tasks.worker.process_state import STATE, forget, stop_timers

#: How many files more than there are a process must be able to open, or it is replaced.
LEAST_FILES = 64
#: The descriptors of stdin, stdout and stderr.
STREAMS = (0, 1, 2)


class _Known(NamedTuple):
    """The process as it is between two jobs: the values of STATE, its threads, and which file is one too many."""

    state: list[Any]
    threads: set[threading.Thread]
    too_many_files: float


_known: _Known | None = None


class Unfit(Exception):
    """This process cannot run any job, for a reason that is not the job's."""


@contextmanager
def restored(replace: Callable[[str], object] = lambda _: None) -> Iterator[None]:
    """Put the process back as it was when the block ends: timers, threads, and all of STATE.

    `replace` is called with what cannot be put back: this process must run no other job. A copy of the process, which
    a job forked, ends with the block: it must not go on as a worker's child. Raises Unfit at once if the working
    directory was gone at the last look.
    """
    ours, known = os.getpid(), _known_process()
    status = 1
    try:
        yield
        status = 0
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else int(left.code is not None)
        raise
    finally:
        if os.getpid() != ours:
            os._exit(status)
        _put_back(known, replace)


def _put_back(known: _Known, replace: Callable[[str], object]) -> None:
    stop_timers()  # before their handlers are put back
    forget()
    if [read() for _, read, _ in STATE] != known.state:
        _put_state_back(known.state, replace)
    lowest = _lowest_free()
    if lowest <= STREAMS[-1]:
        _open_descriptors()
        lowest = _lowest_free()
    _open_streams()
    begun = [thread.name for thread in threading.enumerate() if thread not in known.threads]
    if left := [name for name in begun if not name.startswith(OWN_THREADS)]:
        replace(f"a job left threads behind: {', '.join(left)[:200]}")
    if lowest >= known.too_many_files:
        replace("jobs left too many files open")


def _put_state_back(state: list[Any], replace: Callable[[str], object]) -> None:
    for (name, read, put_back), value in zip(STATE, state, strict=True):
        if read() != value:  # to put it back regardless would cost more: `logging.disable` clears every cache
            with suppress(Exception):
                put_back(value)
            if read() != value:
                replace(f"a job changed what cannot be put back: {name}")


def look_again() -> None:
    """Read the STATE of the process before the next job: what is not a job's may have changed it."""
    global _known
    _known = None


def _known_process() -> _Known:
    global _known
    if _known is None:
        try:
            os.getcwd()  # noqa: PTH109
        except OSError as error:
            raise Unfit(f"the working directory of this worker is gone ({error}): start it again") from error
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        too_many = float("inf") if soft == resource.RLIM_INFINITY else soft - LEAST_FILES
        _known = _Known([read() for _, read, _ in STATE], set(threading.enumerate()), too_many)
    return _known


def _lowest_free() -> float:
    """Return the number that the next file would get, or 0 if stdin is closed; infinity if no file can be opened."""
    try:
        lowest = os.dup(0)
    except OSError as error:
        return 0 if error.errno == errno.EBADF else float("inf")
    os.close(lowest)
    return lowest


def _open_descriptors() -> None:
    """Open again the descriptors of streams that a job has closed: the next file would get what is printed."""
    for number in STREAMS:
        try:
            os.fstat(number)
        except OSError:
            child_output.open_again(number)


def _open_streams() -> None:
    """Open again the streams that a job has closed."""
    if getattr(sys.stdin, "closed", False):
        sys.stdin = open(os.devnull)  # noqa: SIM115, PTH123 - for as long as the process lives
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(getattr(sys, name), "closed", False):
            setattr(sys, name, child_output.unbuffered(number))
