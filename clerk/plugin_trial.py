"""What a plugin does while we start must come back: to exit, or never to return, is to be broken, as raising is."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: How long a plugin may take to be imported, or to answer a hook that we ask at the start, in seconds.
VARIABLE, DEFAULT = "CLERK_PLUGIN_PATIENCE", 60.0


@contextmanager
def on_trial() -> Iterator[None]:
    """Raise SystemExit for `os._exit`, and TimeoutError when our patience ends, for the length of a with block."""
    with _no_sudden_exit(), _alarm(patience()):
        yield


def patience() -> float:
    """Return CLERK_PLUGIN_PATIENCE; `settings().plugin_patience` is the same, but `--help` need not wait for that."""
    try:
        return float(os.environ.get(VARIABLE) or DEFAULT)
    except ValueError:
        return DEFAULT  # whoever reads the settings is told


@contextmanager
def _no_sudden_exit() -> Iterator[None]:
    leave, ours = os._exit, os.getpid()

    def refuse(status: int) -> None:
        if os._exit is refuse and os.getpid() == ours:  # not later, and not in a process that it forked
            raise SystemExit(f"it called os._exit({status})")
        leave(status)

    os._exit = refuse  # type: ignore[assignment]
    try:
        yield
    finally:
        os._exit = leave


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Interrupt the block after so long, where that is possible: in the main thread, and only once at a time."""
    here = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")
    if not here or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield
        return

    def ring(*_: object) -> None:
        raise TimeoutError(f"it did not return within {seconds:g} s ({VARIABLE})")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
