"""A plugin for a plugins directory: jobs that take as long as a test wants, fail as it wants, and leave a trace.

`EFFECTS` names an append-only file, a line per effect: key, job id, attempt. `{EFFECTS}.began` gets a line as each
attempt begins. A gated job waits until the file `{EFFECTS}.gate` exists.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clerk import Backoff, JobType, Limit, current_job, hookimpl

QUICKLY = Backoff(base=0.05, cap=0.1)


def trace(file: str, *words: object) -> None:
    """Append a line, whole or not at all."""
    descriptor = os.open(os.environ["EFFECTS"] + file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, (" ".join(map(str, words)) + "\n").encode())
    finally:
        os.close(descriptor)


def began() -> None:
    """Say that an attempt begins."""
    context = current_job()
    trace(".began", context.job_id, context.attempt, os.getpid())


def effect(key: str) -> None:
    """Do what the job is for, if this attempt still owns it."""
    context = current_job()
    with context.fence():
        trace("", key, context.job_id, context.attempt)


def note(subdomain: str, key: str = "note") -> None:
    """Leave one effect."""
    began()
    effect(key)


def gated(subdomain: str, key: str = "gated", polite: bool = False) -> None:
    """Wait for the gate, then leave an effect; a polite one looks meanwhile whether it was cancelled."""
    began()
    gate, pause = Path(os.environ["EFFECTS"] + ".gate"), threading.Event()
    while not gate.exists():
        pause.wait(0.02)
        if polite:
            current_job().checkpoint()
    effect(key)


def fans(subdomain: str, children: int, gated: int = 0) -> None:
    """Ask for as many jobs, and then for some that wait politely for the gate."""
    began()
    for number in range(children):
        current_job().spawn("note", subdomain, key=f"child-{number}")
    for number in range(gated):
        current_job().spawn("gated", subdomain, key=f"gated-{number}", polite=True)


def lingers(subdomain: str, key: str = "lingers") -> None:
    """Leave an effect, then wait for the gate: the work is done, and its end is not recorded yet."""
    began()
    effect(key)
    gate, pause = Path(os.environ["EFFECTS"] + ".gate"), threading.Event()
    while not gate.exists():
        pause.wait(0.02)


def holds(subdomain: str, key: str = "holds") -> None:
    """Leave an effect, and keep the job's row locked until the gate opens."""
    began()
    context, gate, pause = current_job(), Path(os.environ["EFFECTS"] + ".gate"), threading.Event()
    with context.fence():
        trace("", key, context.job_id, context.attempt)
        while not gate.exists():
            pause.wait(0.02)


def parts(subdomain: str, run: str) -> None:
    """Put a file in place, and ask for one more job in this stage and one in the second."""
    keeps(subdomain, f"{run}-parent")
    current_job().spawn("keeps", subdomain, key=f"{run}-child")
    current_job().spawn("keeps", subdomain, key=f"{run}-later", stage="second")


def keeps(subdomain: str, key: str) -> None:
    """Put one file in place, named by its key: an effect as ours are, whole or absent, and safe to do again."""
    began()
    context = current_job()
    final = Path(f"{os.environ['EFFECTS']}.kept", key)
    final.parent.mkdir(exist_ok=True)
    temporary = final.with_name(f".{key}-{context.job_id}-{context.attempt}")
    temporary.write_text(f"{context.job_id} {context.attempt}")
    context.commit_files({temporary: final})


def talks(subdomain: str, key: str = "talks") -> None:
    """Print, log and have a subprocess print; the first attempt is then killed in the middle of a line."""
    context = current_job()
    print(f"printed by attempt {context.attempt} password=hush1234 \x1b[31m")  # noqa: T201
    logging.getLogger("talks").warning("logged by attempt %d", context.attempt)
    subprocess.run(["sh", "-c", "echo from a subprocess; echo its error >&2"], check=True)
    if context.attempt == 1:
        print("the last word", end="")  # noqa: T201
        os.kill(os.getpid(), signal.SIGKILL)
    effect(key)


def mutes(subdomain: str) -> None:
    """Close stdout, and the descriptor below it."""
    sys.stdout.close()
    os.close(1)


def floods(subdomain: str, lines: int) -> None:
    """Print so many lines."""
    for number in range(lines):
        print(f"line {number}")  # noqa: T201


def pairs(subdomain: str, key: str) -> None:
    """Take a moment, and say when that begins and ends; its limit lets two do so at once."""
    trace(".pairs", "begins", os.getpid())
    threading.Event().wait(0.05)
    effect(key)
    trace(".pairs", "ends", os.getpid())


class TestJobs:
    """The plugin."""

    __test__ = False

    @hookimpl
    def register_job_types(self) -> Mapping[str, JobType | Any]:
        """Return them all; they retry at once, so that tests are quick."""
        return {
            "note": JobType(note, backoff=QUICKLY),
            "gated": JobType(gated, backoff=QUICKLY),
            "hasty": JobType(gated, backoff=QUICKLY, time_limit=1.0, max_attempts=2),
            "alone": JobType(gated, unique=True),
            "fans": JobType(fans, backoff=QUICKLY),
            "lingers": JobType(lingers, backoff=QUICKLY),
            "holds": JobType(holds, backoff=QUICKLY),
            "parts": JobType(parts, backoff=QUICKLY),
            "pairs": JobType(pairs, backoff=QUICKLY, limit=Limit(concurrency=2)),
            "mutes": mutes,
            "floods": floods,
            "talks": JobType(talks, backoff=QUICKLY),
            "keeps": JobType(keeps, backoff=QUICKLY, max_attempts=20),
        }
