"""End with the program that started this one: what `up` runs must not outlive it, however `up` ends. Linux only."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

#: The environment variable that makes a child end with its parent: the parent's process id.
PARENT = "CLERK_PARENT"
#: Of <linux/prctl.h>.
_SET_PARENT_DEATH_SIGNAL = 1


def follow_parent() -> None:
    """Ask Linux for SIGTERM when our parent dies; exit now if it is already gone."""
    parent = os.environ.pop(PARENT, None)
    if parent is None or not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
    if os.getppid() != int(parent):
        os.kill(os.getpid(), signal.SIGTERM)
