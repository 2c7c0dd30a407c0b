"""Real programs as child processes: started, watched, killed, and never left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import psutil

T = TypeVar("T")

#: How often `wait_for` looks again, in seconds.
POLL = 0.02

#: Prefix that makes the kernel kill a child whose parent died; elsewhere than on Linux, `stop` has to do.
_LEASH = ["setpriv", "--pdeathsig"] if sys.platform == "linux" and shutil.which("setpriv") else []


def wait_for(
    predicate: Callable[[], T], what: str, *, deadline: float = 15.0, logs: Callable[[], str] | None = None
) -> T:
    """Return the predicate's first true value; after `deadline` seconds fail, saying what never happened.

    This is the only place in the tests that lets time pass.
    """
    end = time.monotonic() + deadline
    while not (value := predicate()):
        if time.monotonic() > end:
            story = f"\n--- log ---\n{logs()}" if logs else ""
            raise AssertionError(f"not within {deadline:g} s: {what}{story}")
        time.sleep(POLL)
    return value


class Program:
    """One child process in a process group of its own, with its output in a file.

    `last_words` is the signal that ends it, also when the test process dies.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        last_words: signal.Signals = signal.SIGKILL,
    ) -> None:
        self.command = [str(word) for word in command]
        self.log_path = log
        self.env = env
        self.cwd = cwd
        self._last_words = last_words
        self.popen: subprocess.Popen[bytes] | None = None

    def start(self) -> Program:
        """Start it; what an earlier start of the same object wrote stays in the log."""
        # `unshare` changes credentials, which takes a leash off: so it must come first.
        words = self.command
        split = words.index("--") + 1 if words[0] == "unshare" else 0
        leash = [*_LEASH, self._last_words.name] if _LEASH else []
        with self.log_path.open("ab") as log:
            self.popen = subprocess.Popen(
                [*words[:split], *leash, *words[split:]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=None if self.env is None else dict(self.env),
                cwd=self.cwd,
                start_new_session=True,
            )
        return self

    @property
    def pid(self) -> int:
        """The process id of the last start."""
        assert self.popen is not None, f"{self.command[0]} was not started"
        return self.popen.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.popen is not None and self.popen.poll() is None

    @property
    def log(self) -> str:
        """Everything that it has written, to stdout and stderr."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def children(self) -> list[psutil.Process]:
        """Its living descendants."""
        try:
            return psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def signal(self, number: signal.Signals) -> None:
        """Send one signal to the process alone, not to its children."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """`kill -9` the process alone and wait until it is gone."""
        self.signal(signal.SIGKILL)
        self.wait()

    def terminate(self, *, deadline: float = 30.0) -> int:
        """Ask it to end (SIGTERM) and return its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(deadline=deadline)

    def wait(self, *, deadline: float = 30.0) -> int:
        """Return the exit code once it has ended; fail with its log when it does not."""
        wait_for(lambda: not self.alive, f"{self} ends", deadline=deadline, logs=lambda: self.log)
        assert self.popen is not None
        return int(self.popen.returncode)

    def wait_for_log(self, text: str, *, count: int = 1, deadline: float = 20.0) -> None:
        """Wait until `text` is in the log `count` times; fail at once if the process ends before that."""

        def said() -> bool:
            alive = self.alive
            return self.log.count(text) >= count or (not alive and self._ended_without(text))

        wait_for(said, f"{self} logs {text!r}", deadline=deadline, logs=lambda: self.log)

    def _ended_without(self, text: str) -> bool:
        code = self.popen.returncode if self.popen else None
        raise AssertionError(f"{self} ended with {code} before it logged {text!r}\n--- log ---\n{self.log}")

    def stop(self) -> None:
        """End it and leave nothing of it behind: by its last words, then by force."""
        if self.alive and self._last_words is not signal.SIGKILL:
            self.signal(signal.SIGCONT)
            self.signal(self._last_words)
            self.wait()
        self.destroy()

    def destroy(self) -> None:
        """`kill -9` the process, its group and its descendants."""
        if self.popen is None:
            return
        family = self.children()
        for kill in [lambda: os.killpg(self.pid, signal.SIGKILL), *(child.kill for child in family)]:
            try:
                kill()
            except (ProcessLookupError, psutil.NoSuchProcess):
                continue
        self.popen.wait(10)
        wait_for(lambda: not any(map(_lives, family)), f"the children of {self} end")

    def __str__(self) -> str:
        """Name it as an operator would type it."""
        return " ".join([Path(self.command[0]).name, *self.command[1:]])[:120]


class Programs:
    """Starts programs and stops every one of them at the end of the test."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._started: list[Program] = []

    def run(self, *command: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Program:
        """Start any command; `env` is added to this process's environment."""
        log = self._logs / f"{len(self._started):02}-{Path(command[0]).name}.log"
        program = Program(command, log=log, env={**os.environ, **(env or {})}, cwd=cwd)
        self._started.append(program)
        return program.start()

    def clerk(self, *arguments: str, env: Mapping[str, str] | None = None) -> Program:
        """Start `clerk-tasks ARGUMENTS…` as an operator would."""
        return self.run(script("clerk-tasks"), *arguments, env=env)

    def logs(self) -> str:
        """Return what every program has written, for a failure's story."""
        return "\n".join(f"--- {program}\n{program.log}" for program in self._started)

    def stop(self) -> None:
        """Stop everything, the last started first."""
        for program in reversed(self._started):
            program.stop()


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def script(name: str) -> Path:
    """Return the path of a console script of this Python environment."""
    return Path(sys.executable).parent / name
