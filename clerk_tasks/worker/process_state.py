"""What a job may change of its process and would leave to the next one: how to read it, and how to put it back."""

from __future__ import annotations

import _locale
import _signal  # type: ignore[import-not-found]
import csv
import decimal
import faulthandler
import gc
import logging
import os
import random
import resource
import signal
import socket
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

#: The signals that Python code may handle, and that something sends us or a job's timers.
_SIGNALS: tuple[int, ...] = (
    *(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1),
    *(signal.SIGPIPE, signal.SIGCHLD, signal.SIGALRM, signal.SIGPROF),
)
_LIMITS = (
    resource.RLIMIT_NOFILE,
    resource.RLIMIT_FSIZE,
    resource.RLIMIT_AS,
    resource.RLIMIT_CPU,
    resource.RLIMIT_NPROC,
)
_HOOKS: tuple[tuple[ModuleType, str], ...] = (
    *((sys, name) for name in ("argv", "excepthook", "unraisablehook", "displayhook", "dont_write_bytecode")),
    (threading, "excepthook"),
    (warnings, "showwarning"),
    (tempfile, "tempdir"),
)
_LOGGERS = tuple(map(logging.getLogger, ("", "clerk", "clerk.plugin", "clerk_tasks", f"{__name__.rpartition('.')[0]}")))


#: Draws the same numbers as `random`'s own generator, unless something else has drawn from that or seeded it.
_twin = random.Random()  # noqa: S311 - not for secrets


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109
    except OSError:
        return None


def _environment() -> dict[bytes, bytes]:
    """Return the environment's own bytes: to decode all of it twice takes longer than the rest of a short job."""
    return os.environ._data.copy()  # type: ignore[attr-defined, no-any-return]


def _set_environment(environment: dict[bytes, bytes]) -> None:
    os.environb.clear()
    os.environb.update(environment)


def _streams() -> tuple[Any, ...]:
    return sys.stdin, sys.stdout, sys.stderr


def _set_streams(streams: tuple[Any, ...]) -> None:
    sys.stdin, sys.stdout, sys.stderr = streams


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _set_path(path: list[str]) -> None:
    sys.path[:] = path


def _set_filters(filters: list[Any]) -> None:
    warnings.filters[:] = filters  # type: ignore[index]
    warnings._filters_mutated()  # type: ignore[attr-defined]


def _handlers() -> list[Any]:
    return list(map(_signal.getsignal, _SIGNALS))  # the names that `signal` makes of some take ten times as long


def _set_handlers(handlers: list[Any]) -> None:
    for number, handler in zip(_SIGNALS, handlers, strict=True):
        if handler is not None:  # one that Python did not install
            signal.signal(number, handler)


def _limits() -> list[tuple[int, int]]:
    return list(map(resource.getrlimit, _LIMITS))


def _set_limits(limits: list[tuple[int, int]]) -> None:
    for kind, limit in zip(_LIMITS, limits, strict=True):
        resource.setrlimit(kind, limit)


def _hooks() -> list[Any]:
    return [getattr(module, name) for module, name in _HOOKS]


def _set_hooks(hooks: list[Any]) -> None:
    for (module, name), hook in zip(_HOOKS, hooks, strict=True):
        setattr(module, name, hook)


def _logging() -> list[Any]:
    return [
        logging.root.manager.disable,
        *((each.level, each.disabled, each.propagate, each.handlers[:], each.filters[:]) for each in _LOGGERS),
    ]


def _set_logging(state: list[Any]) -> None:
    logging.disable(state[0])
    for logger, (level, _, propagate, handlers, filters) in zip(_LOGGERS, state[1:], strict=True):
        logger.setLevel(level)
        logger.propagate, logger.handlers[:], logger.filters[:] = propagate, handlers, filters
    for name, known in logging.root.manager.loggerDict.items():
        if name.startswith("clerk") and isinstance(known, logging.Logger):
            known.disabled = False  # a new configuration disables those that it does not name


def _decimal() -> tuple[Any, ...]:
    """Return the arguments that make such a context: contexts themselves cannot be compared."""
    now = decimal.getcontext()
    traps = [signal for signal, is_set in now.traps.items() if is_set]
    return now.prec, now.rounding, now.Emin, now.Emax, now.capitals, now.clamp, [], traps


def _zone() -> tuple[Any, ...]:
    return time.tzname, time.timezone, time.altzone


def _identity() -> tuple[Any, ...]:
    return os.getpgrp(), os.geteuid(), os.getegid(), os.getpriority(os.PRIO_PROCESS, 0)


def _set_identity(before: tuple[Any, ...]) -> None:
    os.seteuid(before[1])  # first: it may be needed for the others
    os.setegid(before[2])
    os.setpriority(os.PRIO_PROCESS, 0, before[3])
    os.setpgid(0, before[0])


def _collector() -> tuple[bool, tuple[int, int, int]]:
    return gc.isenabled(), gc.get_threshold()


def _set_collector(before: tuple[bool, tuple[int, int, int]]) -> None:
    (gc.enable if before[0] else gc.disable)()
    gc.set_threshold(*before[1])


#: How to read each, and how to put it back. What cannot be put back leaves another value than it was.
STATE: tuple[tuple[str, Callable[[], Any], Callable[[Any], object]], ...] = (
    ("working directory", _folder, os.chdir),  # another root shows here too, unless it is /
    ("environment", _environment, _set_environment),
    ("streams", _streams, _set_streams),
    ("umask", _umask, os.umask),
    ("sys.path", lambda: list(sys.path), _set_path),
    ("recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    ("switch interval", sys.getswitchinterval, sys.setswitchinterval),
    ("trace function", sys.gettrace, sys.settrace),
    ("profile function", sys.getprofile, sys.setprofile),
    ("digits of numbers", sys.get_int_max_str_digits, sys.set_int_max_str_digits),
    ("stack of threads", threading.stack_size, threading.stack_size),
    ("socket timeout", socket.getdefaulttimeout, socket.setdefaulttimeout),
    ("CSV field limit", csv.field_size_limit, csv.field_size_limit),
    ("decimal context", _decimal, lambda values: decimal.setcontext(decimal.Context(*values))),
    ("warnings", lambda: list(warnings.filters), _set_filters),
    ("locale", lambda: _locale.setlocale(_locale.LC_ALL, None), partial(_locale.setlocale, _locale.LC_ALL)),
    ("logging", _logging, _set_logging),
    ("hooks", _hooks, _set_hooks),
    ("garbage collector", _collector, _set_collector),
    (
        "blocked signals",
        lambda: _signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        partial(signal.pthread_sigmask, signal.SIG_SETMASK),
    ),
    ("signal handlers", _handlers, _set_handlers),
    ("resource limits", _limits, _set_limits),
    ("user, group, priority", _identity, _set_identity),
    ("time zone", _zone, lambda _: time.tzset()),  # after the environment
)


def stop_timers() -> None:
    """Stop what would reach the next job: the process's timers, and the one that ends it with a dump."""
    for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
        signal.setitimer(timer, 0)
    faulthandler.cancel_dump_traceback_later()


def forget() -> None:
    """Undo what need not be read: the seed of random numbers, the opener of urllib, the event loop of asyncio."""
    if random.getrandbits(64) != _twin.getrandbits(64):
        seed = int.from_bytes(os.urandom(16))
        random.seed(seed)
        _twin.seed(seed)
    if (urllib := sys.modules.get("urllib.request")) is not None:
        urllib.install_opener(None)  # the default one is made again
    if sys.version_info < (3, 14) and (asyncio := sys.modules.get("asyncio")) is not None:
        asyncio.set_event_loop_policy(None)
