"""Contain a plugin's code: an exit, or a call that does not return, is an error of the plugin, as an exception is."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from clerk.early_settings import early_setting

#: What a plugin's code may raise inside `contained`.
BROKEN = (Exception, SystemExit)

#: The time limit of a plugin's import, and of each hook that is called at the start, in seconds.
VARIABLE, DEFAULT_PATIENCE = "CLERK_PLUGIN_PATIENCE", 60.0


@contextmanager
def on_trial() -> Iterator[None]:
    """Contain a with block; raise SystemExit in it for `os._exit`, TimeoutError after CLERK_PLUGIN_PATIENCE."""
    with contained(), _no_sudden_exit(), _alarm(patience()):
        yield


@contextmanager
def contained() -> Iterator[None]:
    """Send what a with block prints to stderr; let only BROKEN and KeyboardInterrupt out of it."""
    with redirect_stdout(sys.stderr):  # what a plugin prints must not spoil what a command answers
        try:
            yield
        except (*BROKEN, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise RuntimeError(f"it raised {type(error).__name__}") from error


def patience() -> float:
    """Return CLERK_PLUGIN_PATIENCE, in seconds."""
    try:
        return float(early_setting(VARIABLE) or DEFAULT_PATIENCE)
    except ValueError:
        return DEFAULT_PATIENCE  # reading the settings raises


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
    """Interrupt the block after a time limit, if it runs in the main thread and inside no other alarm."""
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
