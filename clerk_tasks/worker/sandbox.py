"""Restore the process after each job, and end copies of it that a job has forked."""

from __future__ import annotations

import decimal
import locale
import logging
import os
import signal
import socket
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any


class Unfit(Exception):
    """This process cannot run any job, for a reason that is not the job's."""


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _set_path(path: list[str]) -> None:
    sys.path[:] = path


def _set_filters(filters: list[Any]) -> None:
    if warnings.filters != filters:
        warnings.filters[:] = filters  # type: ignore[index]
        warnings._filters_mutated()  # type: ignore[attr-defined]


#: What a job may change and would leave to the next one: how to read it, and how to put it back.
STATE: tuple[tuple[Callable[[], Any], Callable[[Any], object]], ...] = (
    (_umask, os.umask),
    (lambda: list(sys.path), _set_path),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (socket.getdefaulttimeout, socket.setdefaulttimeout),
    (lambda: logging.root.manager.disable, logging.disable),
    (lambda: decimal.getcontext().copy(), decimal.setcontext),
    (lambda: list(warnings.filters), _set_filters),
    (lambda: locale.setlocale(locale.LC_ALL), lambda name: locale.setlocale(locale.LC_ALL, name)),
    (lambda: signal.getsignal(signal.SIGCHLD), lambda handler: signal.signal(signal.SIGCHLD, handler)),
    (lambda: signal.getsignal(signal.SIGALRM), lambda handler: signal.signal(signal.SIGALRM, handler)),
)


@contextmanager
def restored() -> Iterator[None]:
    """Put the process back as it was when the block ends: folder, environment, streams, timers, and all of STATE.

    Raises Unfit at once if the working directory is gone.
    """
    try:
        folder = os.getcwd()  # noqa: PTH109
    except OSError as error:
        raise Unfit(f"the working directory of this worker is gone ({error}): start it again") from error
    streams, environment = (sys.stdin, sys.stdout, sys.stderr), _environment().copy()
    before = [read() for read, _ in STATE]
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)  # before its handler is put back
        for (read, put_back), value in zip(STATE, before, strict=True):
            if read() != value:  # to put it back regardless would cost more: `logging.disable` clears every cache
                put_back(value)
        with suppress(OSError):  # gone meanwhile: the next job is refused, this one has had its effects
            os.chdir(folder)
        if _environment() != environment:
            os.environb.clear()
            os.environb.update(environment)
        sys.stdin, sys.stdout, sys.stderr = streams
        for name in ("stdout", "stderr"):
            if getattr(sys, name).closed:
                setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123 - for as long as the process lives


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
