"""A plugin beside jobs_plugin: jobs that harm their process, the machine, or those who want to know how they ended."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from celery.exceptions import Ignore, Reject

from clerk import Cancel, Discard, JobType, Retry, current_job, hookimpl
from devtools.jobs_plugin import QUICKLY, began, effect, trace

#: What a bomb has taken and its process never gives back.
HOARD: list[object] = []


class Awkward(Exception):
    """An exception that pickle cannot carry, and whose text no database takes."""

    def __init__(self, one: str, two: object) -> None:
        super().__init__(f"{one} \x00 \udc80")
        self.two = two


class Unspeakable(Exception):
    """An exception that raises another when somebody wants to know what it says."""

    def __str__(self) -> str:
        raise SystemExit


def raises(subdomain: str, what: str) -> None:
    """Raise something."""
    began()
    raise {
        "Retry": Retry("later", after=0.0),
        "Discard": Discard("never"),
        "Cancel": Cancel("not wanted"),
        "ValueError": ValueError("a bad value"),
        "MemoryError": MemoryError(),
        "SystemExit": SystemExit(3),
        "KeyboardInterrupt": KeyboardInterrupt(),
        "GeneratorExit": GeneratorExit(),
        "Ignore": Ignore("leave me alone"),
        "Reject": Reject(Awkward("one", threading.Lock())),
        "Awkward": Awkward("one", threading.Lock()),
        "Unspeakable": Unspeakable(),
    }[what]


def dies(subdomain: str, times: int = 1000) -> None:
    """Take the whole process along, in the first attempts."""
    began()
    if current_job().attempt <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    effect("survived")


def exits(subdomain: str) -> None:
    """End the process as if all were well, with no word to anybody."""
    began()
    os._exit(0)


def hoards(subdomain: str, grain: int) -> None:
    """Take memory in pieces of `grain` bytes until there is no more, and let go of none."""
    began()
    while True:
        HOARD.append(bytearray(grain))


def deafens(subdomain: str) -> None:
    """Wait for ever, whatever is raised meanwhile."""
    began()
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    while True:
        try:
            threading.Event().wait()
        except:  # noqa: E722 - the bomb
            continue


def forks(subdomain: str, then: str) -> None:
    """Start a process and leave it; then `return`, or `wait` for ever."""
    began()
    if os.fork() == 0:
        trace(".forked", os.getpid())
        threading.Event().wait()
    while then == "wait":
        threading.Event().wait()
    effect("forked")


def divides(subdomain: str, how: str) -> str:
    """Fork, and let the copy `return` like the original, `exit`, or `speak` for the job before that."""
    began()
    copy = os.fork()
    if copy == 0:
        if how == "exit":
            sys.exit(0)
        if how == "speak":
            current_job().progress("said by a copy")
        return "the copy"
    status = os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1])
    effect("divided")
    return f"the original; its copy ended with {status}"


def multiplies(subdomain: str, how: str) -> list[int]:
    """Have processes of Python's own do some work."""
    began()
    with multiprocessing.get_context(how).Pool(2) as pool:
        return pool.map(abs, [-1, -2, -3])


def asks_too_much(subdomain: str) -> None:
    """Want a child whose unique key no PostgreSQL takes."""
    began()
    current_job().spawn("keyed", subdomain, key="\x00")


def keyed(subdomain: str, key: str) -> None:
    """Do nothing."""
    began()


class TestBombs:
    """The plugin."""

    __test__ = False

    @hookimpl
    def register_job_types(self) -> Mapping[str, JobType | Any]:
        """Return them all; they retry at once, so that tests are quick."""
        twice: list[Callable[..., Any]] = [raises, exits, hoards, asks_too_much, divides, multiplies]
        hasty: list[Callable[..., None]] = [deafens, forks]
        return {
            **{_name(bomb): JobType(bomb, backoff=QUICKLY, max_attempts=2) for bomb in twice},
            **{_name(bomb): JobType(bomb, backoff=QUICKLY, max_attempts=2, time_limit=1.0) for bomb in hasty},
            "dies": JobType(dies, backoff=QUICKLY),
            "keyed": JobType(keyed, unique="{key}"),
        }


def _name(function: Callable[..., Any]) -> str:
    return function.__name__.replace("_", "-")
